import { runService } from '@deskhand/platform';
import { gatewayConfig } from './gateway-config.ts';
import { llmGatewayService } from './service.ts';

await runService(llmGatewayService(() => gatewayConfig.value));
