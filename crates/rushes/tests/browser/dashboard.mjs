// Drives the served dashboard with a real browser: logs in, starts a job by the form, watches it end live, plays a film,
// cancels another job, then looks at every page light and dark, on a phone, a tablet and a desk.
//
// dashboard.mjs URL KEY MODULES CHROMIUM PICTURES: prints one line a check; ends with 1 at the first that fails.

import { createRequire } from 'node:module';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [url, key, modules, executablePath, pictures] = process.argv.slice(2);
const require = createRequire(join(modules, 'x.js'));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
mkdirSync(pictures, { recursive: true });

const LONG_MS = 240_000;
const WIDTHS = [[390, 844], [768, 1024], [1440, 900]];
const say = (text) => console.log(text);
function expect(holds, text) {
    if (!holds) throw new Error(text);
    say(`ok: ${text}`);
}

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--autoplay-policy=user-gesture-required'] });
const strayed = [], broken = [];

async function open(width, height, colorScheme, more = {}) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce', bypassCSP: false, ...more });
    context.setDefaultTimeout(30_000);
    context.on('request', (request) => { if (!request.url().startsWith(`${url}/`)) strayed.push(request.url()); });
    context.on('weberror', (error) => broken.push(error.error().message));
    context.on('console', (line) => { if (line.type() === 'error' && /Content Security|Refused|Uncaught/.test(line.text())) broken.push(line.text()); });
    return context;
}

async function login(context) {
    const page = await context.newPage();
    await page.goto(`${url}/jobs`);
    expect(new URL(page.url()).pathname === '/login', 'a stranger is led to the login');
    await page.getByLabel('Key').fill('rushes_not_a_key');
    await page.getByRole('button', { name: 'Log in' }).click();
    expect(await page.getByRole('alert').innerText() !== '', 'a wrong key is told beside its field');
    await page.getByLabel('Key').fill(key);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.waitForURL(`${url}/jobs`);
    expect(true, 'the right key leads back to where one was going');
    return page;
}

const facts = {};

async function work() {
    const context = await open(1440, 900, 'light');
    const page = await login(context);
    await page.goto(`${url}/`);
    expect(await page.getByRole('heading', { level: 1 }).innerText() === 'Nothing has been made here yet.', 'an empty home says so, and how to begin');
    await page.screenshot({ path: join(pictures, 'empty-1440.png'), fullPage: true });
    await page.getByRole('link', { name: 'New production' }).first().click();
    await page.getByLabel('Outfits').uncheck();
    await page.getByLabel('step', { exact: true }).check();
    await page.getByRole('button', { name: 'Start' }).click();
    await page.waitForURL(/\/jobs\/[0-9a-f-]{36}$/);
    facts.job = new URL(page.url()).pathname;
    let loads = 0;
    page.on('load', () => { loads += 1; });
    await page.locator('.strip a[data-film]').first().waitFor({ timeout: LONG_MS });
    expect(true, 'a picture appears while the job runs');
    await page.locator('#state .state', { hasText: 'completed' }).waitFor({ timeout: LONG_MS });
    expect(loads === 0, 'the job was seen to its end without the page being loaded again');
    await page.waitForFunction(() => [...document.querySelectorAll('[data-arrives]')].every((one) => one.dataset.arrives === 'proven'), null, { timeout: LONG_MS });
    expect(await page.locator('.rail .live[data-state="live"]').count() === 1, 'every file is shown as delivered, and the page says that it is live');

    const film = page.locator('a[data-film][data-mime="video/mp4"]').first();
    await film.focus();
    await page.keyboard.press('Space');
    const video = page.locator('dialog.box video');
    await video.waitFor();
    await page.waitForFunction(() => document.querySelector('dialog.box video')?.currentTime > 0.05, null, { timeout: 60_000 });
    expect(true, 'a film plays when it is asked for by the keyboard');
    const before = await video.getAttribute('src');
    await page.keyboard.press('ArrowRight');
    await page.waitForFunction((src) => document.querySelector('dialog.box .stage > *')?.getAttribute('src') !== src, before);
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => !document.querySelector('dialog.box[open]'));
    expect(await page.evaluate(() => document.activeElement.matches('a[data-film]')), 'arrows go on to the next, Escape leads back to the strip');

    facts.character = await page.locator('.member h2 a').first().getAttribute('href');
    await page.goto(`${url}${facts.character}`);
    const screen = page.locator('.hero video');
    expect(await screen.evaluate((one) => one.paused), 'nothing plays by itself');
    await screen.evaluate((one) => one.play());
    await page.waitForFunction(() => document.querySelector('.hero video').currentTime > 0.05, null, { timeout: 60_000 });
    expect(true, 'a character\'s film plays');
    facts.asset = await page.locator('.sections a[data-film]').first().getAttribute('href');

    await page.goto(`${url}/start`);
    await page.getByLabel('Characters, 1 to 10').fill('10');
    await page.getByRole('row', { name: 'Characters 10' }).waitFor();
    expect(true, 'the plan follows the form');
    await page.getByRole('button', { name: 'Start' }).click();
    await page.waitForURL(/\/jobs\/[0-9a-f-]{36}$/);
    facts.cancelled = new URL(page.url()).pathname;
    await page.locator('summary', { hasText: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Cancel this job' }).click();
    await page.locator('#state .state', { hasText: 'cancelled' }).waitFor({ timeout: LONG_MS });
    expect(true, 'a job is cancelled');

    await page.goto(`${url}/audit`);
    // What the cancelled job had made may still be on its way.
    for (let well = false; !well;) {
        await page.getByRole('button', { name: /Run the audit|Look again/ }).click();
        await page.locator('#answer .answer.proven, #answer .answer.refused').waitFor({ timeout: LONG_MS });
        well = await page.getByRole('heading', { name: 'are where they should be' }).count() === 1;
        if (!well) await page.waitForTimeout(500);
    }
    expect(true, 'an audit is run and told');
    await page.goto(`${url}/jobs`);
    await context.setOffline(true);
    await page.evaluate(() => stream.close() || stream.onerror());
    expect(/Reconnecting, last seen \d+ s ago/.test(await page.locator('.rail .live').innerText()), 'a lost stream is said to be lost');
    await context.setOffline(false);
    await context.close();
}

async function look() {
    const paths = { overview: '/', jobs: '/jobs', job: facts.job, cancelled: facts.cancelled, start: '/start', wrong: '/start?count=11&style=lofi', characters: '/characters', character: facts.character, asset: facts.asset,
        deliveries: '/deliveries', audit: '/audit', webhooks: '/webhooks', keys: '/keys', lost: '/nothing' };
    for (const colorScheme of ['light', 'dark']) {
        for (const [width, height] of WIDTHS) {
            const context = await open(width, height, colorScheme, { hasTouch: width < 500 });
            await context.addCookies([{ name: 'rushes_key', value: key, url, httpOnly: true, sameSite: 'Strict' }]);
            const page = await context.newPage();
            for (const [name, path] of Object.entries(paths)) {
                await page.goto(`${url}${path}`);
                await page.evaluate(() => { for (const one of document.images) one.loading = 'eager'; });
                await page.waitForFunction(() => [...document.images].every((one) => one.complete));
                await page.screenshot({ path: join(pictures, `${name}-${width}-${colorScheme}.png`), fullPage: true });
                const sideways = await page.evaluate(() => Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) - innerWidth);
                if (sideways > 0) throw new Error(`${path} scrolls ${sideways} px sideways at ${width} px`);
                if (width === 390) {
                    const small = await page.evaluate(() => [...document.querySelectorAll('button, .button, summary, nav a, input:not([type=hidden])')]
                        .filter((one) => one.checkVisibility() && !one.closest('.unseen') && !one.matches('.skip'))
                        .map((one) => [one, (one.matches('input') && one.closest('label') || one).getBoundingClientRect()])
                        .filter(([, at]) => at.height < 43.5)
                        .map(([one, at]) => `${one.outerHTML.slice(0, 80)} is ${Math.round(at.height)} px high`));
                    if (small.length) throw new Error(`${path} has targets too small for a thumb:\n${small.join('\n')}`);
                }
                await page.evaluate(axe);
                const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }));
                const told = found.violations.map((one) => `${one.id}: ${one.help}\n  ${one.nodes.slice(0, 3).map((node) => `${node.html} ${node.failureSummary}`).join('\n  ')}`);
                if (told.length) throw new Error(`${path}, ${colorScheme}, ${width} px:\n${told.join('\n')}`);
            }
            await context.close();
            say(`ok: every page at ${width} px, ${colorScheme}: axe finds nothing, nothing scrolls sideways`);
        }
    }
}

// What the pages tell without any script.
async function withoutScript() {
    const context = await open(390, 844, 'light', { javaScriptEnabled: false });
    await context.addCookies([{ name: 'rushes_key', value: key, url, httpOnly: true, sameSite: 'Strict' }]);
    const page = await context.newPage();
    await page.goto(`${url}${facts.job}`);
    expect((await page.locator('#state').innerText()).includes('completed'), 'without script a page tells its facts');
    await page.goto(`${url}/start`);
    await page.locator('input[name=count]').fill('2');
    await page.getByRole('button', { name: 'Show the plan for these choices' }).click();
    expect((await page.locator('#plan').innerText()).includes('Characters\t2'), 'without script the form shows its plan');
    await context.close();
}

try {
    await work();
    await withoutScript();
    await look();
    expect(strayed.length === 0, `no request left the origin${strayed.length ? `: ${strayed.join(', ')}` : ''}`);
    expect(broken.length === 0, `no script failed and no policy was broken${broken.length ? `: ${broken.join(', ')}` : ''}`);
} catch (error) {
    console.error(`FAILED: ${error.message}`);
    for (const context of browser.contexts()) for (const page of context.pages()) await page.screenshot({ path: join(pictures, 'failed.png') }).catch(() => {});
    process.exitCode = 1;
} finally {
    await browser.close();
}
