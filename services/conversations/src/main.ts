import { runService } from '@deskhand/platform';
import { service } from './service.ts';

await runService(service);
