// Looks at the page of a job that waits for a choice, light and dark, on a phone and on a desk, and chooses by keyboard alone.
//
// choices.mjs URL JOB MODULES CHROMIUM PICTURES: prints one line a check; ends with 1 at the first that fails.

import { createRequire } from 'node:module';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [url, job, modules, executablePath, pictures] = process.argv.slice(2);
const require = createRequire(join(modules, 'x.js'));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
mkdirSync(pictures, { recursive: true });

function expect(holds, text) {
    if (!holds) throw new Error(text);
    console.log(`ok: ${text}`);
}

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });

async function open(width, height, colorScheme, javaScriptEnabled = true) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce', bypassCSP: javaScriptEnabled, javaScriptEnabled });
    context.setDefaultTimeout(30_000);
    return context.newPage();
}

for (const [width, height] of [[390, 844], [1440, 900]]) {
    for (const scheme of ['light', 'dark']) {
        const page = await open(width, height, scheme), at = `${width} px, ${scheme}`;
        await page.goto(`${url}/`);
        expect(await page.getByText('1 job waits for your choice').isVisible(), `the overview tells of the choice at ${at}`);
        await page.screenshot({ path: join(pictures, `choice-overview-${width}-${scheme}.png`), fullPage: true });
        await page.getByRole('link', { name: '1 job waits for your choice' }).click();
        await page.waitForURL(`${url}/jobs/${job}`);
        const button = page.getByRole('button', { name: 'Choose take 2' });
        await page.waitForFunction(() => [...document.querySelectorAll('#choices img')].every((one) => one.complete && one.naturalWidth > 0));
        const box = await button.boundingBox();
        expect(width > 640 || box.height >= 44, `a button is large enough for a finger at ${at}`);
        expect(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), `nothing scrolls sideways at ${at}`);
        await page.screenshot({ path: join(pictures, `choice-${width}-${scheme}.png`), fullPage: true });
        await page.evaluate(axe);
        const barriers = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'] }));
        expect(barriers.violations.length === 0, `no barriers at ${at}${barriers.violations.map((one) => ` ${one.id}: ${one.nodes[0].html}`)}`);
        await page.context().close();
    }
}

// Without a script, and by the keyboard alone.
const page = await open(1440, 900, 'light', false);
await page.goto(`${url}/jobs/${job}`);
const said = [];
for (let tab = 0; tab < 80 && !said.includes('Choose take 2'); tab += 1) {
    await page.keyboard.press('Tab');
    said.push(await page.locator(':focus').innerText().catch(() => ''));
}
expect(said.includes('Choose take 2'), 'a choice is reached by the keyboard');
const sent = page.waitForResponse((response) => response.url() === `${url}/jobs/${job}/choose`);
await page.keyboard.press('Enter');
expect((await sent).status() === 303, 'the choice is sent without a script');
await browser.close();
