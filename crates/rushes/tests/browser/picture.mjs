// Takes one picture of a served dashboard that asks for no key: its newest job.
//
// picture.mjs URL MODULES CHROMIUM FILE

import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const [url, modules, executablePath, path] = process.argv.slice(2);
const { chromium } = createRequire(join(resolve(modules), 'x.js'))('playwright-core');
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const page = await browser.newPage({ viewport: { width: 1280, height: 880 }, colorScheme: 'light', reducedMotion: 'reduce' });
await page.goto(`${url}/jobs`);
await page.locator('a.cover').first().click();
await page.waitForLoadState();
await page.waitForFunction(() => document.images.length > 5 && [...document.images].filter((one) => one.getBoundingClientRect().left < innerWidth && one.getBoundingClientRect().top < innerHeight).every((one) => one.complete));
await page.waitForTimeout(1000);
await page.screenshot({ path, type: 'jpeg', quality: 82 });
await browser.close();
