import { Module } from '@nestjs/common';
import { AccountsController } from './accounts/accounts.controller.ts';
import { AccountsService } from './accounts/accounts.service.ts';
import { FirstAdministrator } from './accounts/first-administrator.ts';
import { PasswordHasher } from './accounts/password-hasher.ts';
import { ApiTokensController } from './api-tokens/api-tokens.controller.ts';
import { ApiTokensService } from './api-tokens/api-tokens.service.ts';
import { Clock } from './clock.ts';
import { Transactions } from './database/transactions.ts';
import { RateLimits } from './limits/rate-limits.ts';
import { Maintenance } from './maintenance.ts';
import { AccessTokens } from './sessions/access-tokens.ts';
import { SessionsController } from './sessions/sessions.controller.ts';
import { SessionsService } from './sessions/sessions.service.ts';
import { SigningKeys } from './sessions/signing-keys.ts';

@Module({
  controllers: [AccountsController, SessionsController, ApiTokensController],
  providers: [AccountsService, FirstAdministrator, PasswordHasher, ApiTokensService, Clock, RateLimits, Maintenance, AccessTokens, SessionsService, SigningKeys, Transactions],
})
export class AppModule {}
