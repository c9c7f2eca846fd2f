import { Controller } from '@nestjs/common';
import { computerChanged, grants, runs as contracts, usageRecorded, type DataOf, type InputOf } from '@deskhand/contracts';
import { Consumes, Serves } from '@deskhand/platform';
import { ComputersService } from '../computers/computers.service.ts';
import { Grants } from '../grants/grants.service.ts';
import { ClaimService } from './claim.service.ts';
import { RecordService } from './record.service.ts';
import { RunsService } from './runs.service.ts';

/** What other services ask and tell. */
@Controller()
export class RunsController {
  constructor(private readonly claims: ClaimService, private readonly records: RecordService, private readonly runs: RunsService, private readonly grants: Grants, private readonly computers: ComputersService) {}

  @Serves(contracts.begin) async begin(input: InputOf<typeof contracts.begin>) { await this.runs.begin(input); return {}; }
  @Serves(contracts.claim) claim({ worker_id, slots }: InputOf<typeof contracts.claim>) { return this.claims.claim(worker_id, slots); }
  @Serves(contracts.history) history(input: InputOf<typeof contracts.history>) { return this.runs.history(input); }
  @Serves(contracts.heartbeat) heartbeat(input: InputOf<typeof contracts.heartbeat>) { return this.runs.heartbeat(input); }
  @Serves(contracts.checkpoint) checkpoint(input: InputOf<typeof contracts.checkpoint>) { return this.runs.checkpoint(input); }
  @Serves(contracts.record) record(input: InputOf<typeof contracts.record>) { return this.records.record(input); }
  @Serves(contracts.release) async release(input: InputOf<typeof contracts.release>) { await this.runs.release(input); return {}; }
  @Serves(grants.issue) issue(input: InputOf<typeof grants.issue>) { return this.grants.issue(input); }
  @Serves(grants.keys) keys() { return this.grants.publicKeys(); }
  @Consumes(computerChanged) computerChanged(data: DataOf<typeof computerChanged>) { return this.computers.changed(data); }
  @Consumes(usageRecorded) usageRecorded(data: DataOf<typeof usageRecorded>) { return this.computers.used(data); }
}
