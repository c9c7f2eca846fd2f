import { Module } from '@nestjs/common';
import { ComputersController } from './computers/computers.controller.ts';
import { ComputersRepository } from './computers/computers.repository.ts';
import { ComputersService } from './computers/computers.service.ts';
import { GrantChecks } from './computers/grant-checks.ts';
import { IdleService } from './computers/idle.service.ts';
import { Engine } from './containers/engine.ts';
import { DesktopsService } from './desktop/desktops.service.ts';
import { managerConfig } from './manager-config.ts';
import { ManagersRepository } from './ownership/managers.repository.ts';
import { Ownership } from './ownership/ownership.service.ts';
import { LeaseWatch } from './viewers/lease-watch.ts';
import { TicketsRepository } from './viewers/tickets.repository.ts';
import { ViewersService } from './viewers/viewers.service.ts';
import { DiskWatchService } from './workspaces/disk-watch.service.ts';
import { Workspaces } from './workspaces/workspaces.ts';

@Module({
  controllers: [ComputersController],
  providers: [
    ComputersRepository, ComputersService, GrantChecks, ManagersRepository, Ownership, IdleService, DiskWatchService, LeaseWatch, TicketsRepository, ViewersService, DesktopsService,
    { provide: Engine, useFactory: () => new Engine(managerConfig.value.DOCKER_PROBLEM ?? null) },
    {
      provide: Workspaces,
      inject: [Engine],
      useFactory: (engine: Engine) => new Workspaces(managerConfig.value.WORKSPACE_ROOT, managerConfig.value.INSTALLATION_ID, engine, () => managerConfig.value.SANDBOX_IMAGE ?? ''),
    },
  ],
})
export class SandboxManagerModule {}
