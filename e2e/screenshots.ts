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
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme: 'light', reducedMotion: 'reduce' });
  await page.goto(`${product.webUrl}/signup`);
  await page.getByLabel(/user ?name/i).fill('ada');
  await page.getByLabel(/email/i).fill('ada@example.org');
  await page.getByLabel(/password/i).first().fill('correct horse battery');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: /Give me the tour/ }).click();
  await page.getByRole('textbox', { name: 'Message' }).press('Enter');
  await page.mouse.move(5, 895);
  // The form on the desktop is filled in and not yet sent.
  await page.getByRole('button', { name: /^Typed/ }).nth(1).waitFor({ timeout: 120_000 });
  await page.screenshot({ path: join(folder, 'conversation-light.png') });

  const desktop = page.getByRole('complementary', { name: 'Desktop' });
  await page.getByRole('button', { name: /Allow once/ }).waitFor({ timeout: 90_000 });
  await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
  await desktop.getByRole('button', { name: 'Take control' }).click();
  await desktop.getByRole('button', { name: 'Release' }).waitFor();
  const box = (await desktop.getByRole('img').boundingBox())!;
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  await page.waitForTimeout(800);
  await page.screenshot({ path: join(folder, 'driving-dark.png') });
  await desktop.getByRole('button', { name: 'Release' }).click();
  await page.getByText(/You drove the desktop/).first().waitFor();

  await page.setViewportSize({ width: 390, height: 844 });
  await page.waitForTimeout(800);
  await page.screenshot({ path: join(folder, 'conversation-phone-dark.png') });
} finally {
  await browser.close();
  await product.stop();
}
