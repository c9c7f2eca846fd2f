import { runService } from '@deskhand/platform';
import { authService } from './service.ts';

await runService(authService);
