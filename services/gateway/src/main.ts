import { runService } from '@deskhand/platform';
import { gatewayService } from './gateway-service.ts';
import { GatewaySettings } from './settings.ts';

await runService(gatewayService(() => GatewaySettings.fromEnvironment()));
