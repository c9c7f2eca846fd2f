// Makes the README's pictures from the running product: `node e2e/screenshots.ts`, after `npm run build`.
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openBrowser } from './browser.ts';
import { startProduct } from './product.ts';

const folder = join(dirname(import.meta.dirname), 'docs', 'images');
mkdirSync(folder, { recursive: true });

const product = await startProduct();
const browser = await openBrowser();
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 860 }, colorScheme: 'light', reducedMotion: 'reduce' });
  await page.goto(`${product.webUrl}/signup`);
  await page.getByLabel(/user ?name/i).fill('ada');
  await page.getByLabel(/email/i).fill('ada@example.org');
  await page.getByLabel(/password/i).first().fill('correct horse battery');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: /Give me the tour/ }).click();
  await page.getByRole('textbox', { name: 'Message' }).press('Enter');
  await page.getByRole('button', { name: /Allow once/ }).waitFor({ timeout: 90_000 });
  // Folded, so that the change above it is in the picture too.
  await page.getByRole('button', { name: /Read 1 file, ran 1 command/ }).click();
  // Until the caret is gone and the focus rests on the answer that Enter would give.
  await page.waitForTimeout(1_500);
  await page.screenshot({ path: join(folder, 'conversation-light.png') });

  await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.waitForTimeout(800);
  await page.screenshot({ path: join(folder, 'conversation-phone-dark.png') });
} finally {
  await browser.close();
  await product.stop();
}
