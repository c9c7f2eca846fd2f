import { Controller } from '@nestjs/common';
import { leases as contracts, type InputOf } from '@deskhand/contracts';
import { Serves } from '@deskhand/platform';
import { Leases } from './leases.service.ts';

/** Who drives: what people ask through the gateway, and what managers ask and tell. */
@Controller()
export class LeasesController {
  constructor(private readonly leases: Leases) {}

  @Serves(contracts.take) take(input: InputOf<typeof contracts.take>) { return this.leases.take(input); }
  @Serves(contracts.release) async release(input: InputOf<typeof contracts.release>) { await this.leases.release(input); return {}; }
  @Serves(contracts.of) async of({ user_id, conversation_id }: InputOf<typeof contracts.of>) { return { lease: await this.leases.of(user_id, conversation_id) }; }
  @Serves(contracts.current) current({ computer_id }: InputOf<typeof contracts.current>) { return this.leases.current(computer_id); }
  @Serves(contracts.end) async end(input: InputOf<typeof contracts.end>) { await this.leases.end(input); return {}; }
}
