// Health check of a service's container: asks the service itself over its own socket.
import { request } from 'node:http';

const asked = request({ socketPath: '/tmp/health.sock', timeout: 4_000 }, (answer) => {
  answer.pipe(process.stdout);
  answer.on('end', () => process.exit(answer.statusCode === 200 ? 0 : 1));
});
asked.on('timeout', () => asked.destroy(new Error('no answer')));
asked.on('error', (error) => {
  process.stdout.write(error.message);
  process.exit(1);
});
asked.end();
