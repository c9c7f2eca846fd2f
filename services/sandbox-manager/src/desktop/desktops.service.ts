import { DeclaredError, desktop, type Image } from '@deskhand/contracts';
import { BlobStore, Bus, type Closable } from '@deskhand/platform';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { Computer } from '../computers/computer.ts';
import { ComputersService } from '../computers/computers.service.ts';
import { GrantChecks } from '../computers/grant-checks.ts';
import { LeaseWatch } from '../viewers/lease-watch.ts';
import type { Picture } from './pictures.ts';

/** What agents do to the desktops of the computers here. */
@Injectable()
export class DesktopsService implements OnModuleInit {
  #here = new Map<string, Computer>();
  #registered = false;

  constructor(
    private readonly computers: ComputersService,
    private readonly leaseWatch: LeaseWatch,
    private readonly grants: GrantChecks,
    private readonly blobs: BlobStore,
    private readonly bus: Bus,
  ) {}

  onModuleInit(): void {
    if (this.#registered) return;
    this.#registered = true;
    this.computers.alsoServe((computer, assertHere) => this.#serve(computer, assertHere));
    this.leaseWatch.onChange((id, lease) => {
      if (lease !== null) this.#here.get(id)?.desktop.acts.takeOver();
    });
  }

  async #serve(computer: Computer, assertHere: () => Promise<void>): Promise<Closable[]> {
    const { id } = computer.view;
    this.#here.set(id, computer);
    // Asked once: until it is known whether a person drives, nothing may be touched.
    let leaseKnown: Promise<void> | null = null;
    const served = await this.bus.serve(desktop.act, { computer_id: id }, async ({ grant, conversation_id, call_id, action }) => {
      await assertHere();
      const claims = await this.grants.check(grant, id, 'computer:run');
      if (claims.conversation_id !== conversation_id) throw new DeclaredError('FORBIDDEN', 'This grant is of another conversation');
      await (leaseKnown ??= this.leaseWatch.begin(id));
      return computer.act({ call_id, action, keep: (picture) => this.#keep(conversation_id, picture) });
    });
    const end = async (): Promise<void> => {
      await served.close();
      if (this.#here.get(id) === computer) this.#here.delete(id);
    };
    return [{ close: end }];
  }

  async #keep(conversationId: string, { bytes, mediaType, width, height }: Picture): Promise<Image> {
    const { id } = await this.blobs.put(conversationId, bytes, mediaType);
    return { blob: id, media_type: mediaType, width, height };
  }
}
