import { runService } from '@deskhand/platform';
import { sandboxManagerService } from './service.ts';

await runService(sandboxManagerService);
