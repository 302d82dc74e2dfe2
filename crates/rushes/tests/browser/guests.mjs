// Guests with a browser whose camera films a drawn figure: scan, consent, selfie, own photos only, new ones live, what opens nothing;
// then every page of guests and shoots, light and dark, on a phone, a tablet and a desk.
//
// guests.mjs URL LINK FOLDER MODULES CHROMIUM PICTURES: prints one line a check; ends with 1 at the first that fails.

import { createRequire } from 'node:module';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [url, link, folder, modules, executablePath, pictures] = process.argv.slice(2);
const require = createRequire(join(modules, 'x.js'));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
mkdirSync(pictures, { recursive: true });

const LONG_MS = 30_000, SHOOT = '/api/v1/shoots/ana-ben', WIDTHS = [[390, 844], [768, 1024], [1440, 900]];
function expect(holds, text) {
    if (!holds) throw new Error(text);
    console.log(`ok: ${text}`);
}

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream',
    `--use-file-for-fake-video-capture=${join(folder, 'camera.mjpeg')}`] });
const strayed = [], broken = [];

async function open(width = 390, height = 844, colorScheme = 'light', more = {}) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce', ...more });
    context.setDefaultTimeout(LONG_MS);
    context.on('request', (request) => { if (!/^(blob|data):/.test(request.url()) && !request.url().startsWith(`${url}/`)) strayed.push(request.url()); });
    context.on('weberror', (error) => broken.push(error.error().message));
    context.on('console', (line) => { if (line.type() === 'error' && /Content Security|Refused|Uncaught/.test(line.text())) broken.push(line.text()); });
    return context;
}

async function drop(name) {
    const answer = await fetch(`${url}${SHOOT}/photos?name=${name}`, { method: 'POST', body: readFileSync(join(folder, name)) });
    if (answer.status !== 202) throw new Error(`${name}: ${answer.status}`);
}

const shown = (page) => page.locator('#photos li').evaluateAll((all) => all.map((one) => Number(one.dataset.number)));

// ---------------------------------------------------------------- a guest with a camera

const phone = await open();
const ana = await phone.newPage();
let weight = 0;
ana.on('response', async (answer) => { if (!/photos\//.test(answer.url())) weight += (await answer.body().catch(() => '')).length; });
await ana.goto(`${url}${link}`);
expect(await ana.locator('video, input[type=file]').count() === 0, 'before consent there is no camera');
await ana.getByLabel(/I agree/).check();
await ana.getByRole('button', { name: 'Agree and go on' }).click();
await ana.waitForURL(/\/guest\//);
const own = ana.url();
await ana.getByRole('button', { name: 'Open the camera' }).click();
await ana.waitForFunction(() => document.getElementById('view').videoWidth > 0);
await ana.screenshot({ path: join(pictures, 'guest-camera-390-light.png'), fullPage: true });
await ana.getByRole('button', { name: 'Take the picture' }).click();
await ana.getByRole('img', { name: 'Selfie 1' }).waitFor();
await ana.getByLabel('Your name').fill('Ana María');
await ana.screenshot({ path: join(pictures, 'guest-taken-390-light.png'), fullPage: true });
await ana.getByRole('button', { name: 'Find my photos' }).click();
await ana.getByRole('heading', { name: 'No photo of you yet' }).waitFor();
expect(true, 'a selfie by the camera is enough, and a guest in no photo yet is told to wait');
expect(weight < 4 * 50_000, `${weight} bytes for three pages and the selfie's answer`);
let loads = 0;
ana.on('load', () => { loads += 1; });
await drop('ana.jpg');
await ana.locator('#photos li').first().waitFor();
expect(loads === 0 && await ana.locator('#waiting').isHidden(), 'a new photo appears by itself');
await ana.waitForFunction(() => [...document.images].every((one) => one.complete && one.naturalWidth > 0));
expect(await ana.locator('#photos img').first().evaluate((one) => one.naturalWidth) <= 480, 'it is small');

// ---------------------------------------------------------------- one without

const plain = await open(390, 844, 'dark');
await plain.addInitScript(() => { Object.defineProperty(Navigator.prototype, 'mediaDevices', { get: () => undefined }); });
const ben = await plain.newPage();
await ben.goto(`${url}${link}`);
await ben.getByLabel(/I agree/).check();
await ben.getByRole('button', { name: 'Agree and go on' }).click();
await ben.waitForURL(/\/guest\//);
expect(await ben.getByText("Your phone's own camera opens instead").isVisible() && await ben.getByRole('button', { name: 'Open the camera' }).isHidden(), 'where no camera is lent, that is said');
await ben.getByLabel('Your name').fill('Ben');
await ben.locator('#selfie').setInputFiles(join(folder, 'nobody.jpg'));
await ben.getByRole('button', { name: 'Find my photos' }).click();
await ben.getByText('No face is seen in it').waitFor();
expect(true, 'what is wrong with a selfie is told beside it');
await ben.screenshot({ path: join(pictures, 'guest-wrong-390-dark.png'), fullPage: true });
await ben.getByRole('button', { name: 'Remove selfie 1' }).click();
await ben.locator('#selfie').setInputFiles(join(folder, 'ben.jpg'));
await ben.getByRole('button', { name: 'Find my photos' }).click();
await ben.getByRole('heading', { name: 'No photo of you yet' }).waitFor();
await drop('ben.jpg');
await ben.locator('#photos li').first().waitFor();
const [mine, theirs] = [await shown(ana), await shown(ben)];
expect(mine.length === 1 && theirs.length === 1 && mine[0] !== theirs[0], 'each sees their own photos only');
for (const size of ['small', 'large', 'file']) {
    const strange = await ben.request.get(`${ben.url()}/photos/${mine[0]}/${size}`);
    if (strange.status() !== 404) throw new Error(`${size}: ${strange.status()}`);
}
expect(true, "another guest's link shows nothing of theirs");
await drop('both.jpg');
await ana.waitForFunction(() => document.querySelectorAll('#photos li').length === 2);
await ben.waitForFunction(() => document.querySelectorAll('#photos li').length === 2);
expect((await shown(ana))[0] === (await shown(ben))[0] && await ana.getByRole('heading', { name: '2 photos, Ana María' }).isVisible(), 'a photo of both comes to both, newest first');
const [saved] = await Promise.all([ana.waitForEvent('download'), ana.getByRole('link', { name: /^Save photo/ }).first().click()]);
expect(/^0000\d\d\.jpg$/.test(saved.suggestedFilename()), 'one is saved under its number');
const [archive] = await Promise.all([ana.waitForEvent('download'), ana.getByRole('link', { name: 'Download all' }).click()]);
expect(archive.suggestedFilename() === 'ana-ben.zip' && await archive.failure() === null, 'all are saved at once');

// ---------------------------------------------------------------- what opens nothing

for (const name of ['dim.jpg', 'others.jpg', 'nobody.jpg']) await drop(name);
await ana.goto(`${url}/shoots/ana-ben`);
await ana.getByText('Is this Ana María?').waitFor();
const desk = await open(1440, 900);
const boss = await desk.newPage();
boss.on('dialog', (dialog) => dialog.accept());
await boss.goto(`${url}/shoots/ana-ben`);
await boss.getByRole('button', { name: 'Make a new code' }).click();
await boss.locator('.qr svg').waitFor();
const newer = new URL(await boss.locator('.secret code').innerText()).pathname;
expect(newer !== link, 'the photographer makes a new code');
const looks = [];
for (const path of [link, `${link.slice(0, -1)}x`, '/join/ana-ben/guessed', '/guest/ana-ben/guessed']) {
    const answer = await boss.request.get(`${url}${path}`);
    looks.push(`${answer.status()} ${await answer.text()}`);
}
expect(new Set(looks).size === 1 && looks[0].startsWith('404'), 'a replaced link and guessed ones look all the same');

// ---------------------------------------------------------------- who may be one

async function rule(rules) {
    const answer = await fetch(`${url}${SHOOT}`, { method: 'PATCH', headers: { 'content-type': 'application/json' }, body: JSON.stringify(rules) });
    if (answer.status !== 200) throw new Error(`${JSON.stringify(rules)}: ${answer.status}`);
}
async function taken(photos) {
    for (const end = Date.now() + LONG_MS; Date.now() < end; await new Promise((done) => setTimeout(done, 100))) {
        const { counts } = await (await fetch(`${url}${SHOOT}`)).json();
        if (counts.photos === photos && counts.unsettled === 0) return;
    }
    throw new Error(`there are not ${photos} photos`);
}
await taken(6);
// By stricter rules, who is in the dark is somebody of their own.
await rule({ route_below: 0.4, review_below: 0.5 });
await drop('again.jpg');
await taken(7);
await rule({ route_below: 0.4, review_below: 0.6 });
await boss.goto(`${url}/shoots/ana-ben`);
const asked = boss.locator('#proposals li').first();
await asked.waitFor();
expect(await asked.getByRole('img').count() === 2 && /^Is Person \d+ the same as Person \d+\?$/.test(await asked.locator('strong').innerText()), 'who may be one is proposed, face beside face');
await boss.locator('#proposals').screenshot({ path: join(pictures, 'shoot-proposal.png') });
await asked.getByRole('button', { name: 'Not the same' }).click();
await boss.getByText(/was said not to be/).waitFor();
expect(await boss.locator('#proposals li').count() === 0, 'whom somebody told apart are proposed no more');
await boss.getByRole('button', { name: 'Undo' }).click();
await asked.waitFor();
expect(true, 'until that is undone');

// ---------------------------------------------------------------- every page

const paths = { 'guest-join': newer, 'guest-photos': new URL(own).pathname, 'guest-forget': `${new URL(own).pathname}/forget`, 'guest-gone': link,
    'shoots': '/shoots', 'shoot': '/shoots/ana-ben', 'shoot-person': '/shoots/ana-ben/people/1', 'shoot-slideshow': '/shoots/ana-ben/slideshow' };
const consent = await (await open()).newPage();
await consent.goto(`${url}${newer}`);
await consent.getByLabel(/I agree/).check();
await consent.getByRole('button', { name: 'Agree and go on' }).click();
await consent.waitForURL(/\/guest\//);
paths['guest-face'] = new URL(consent.url()).pathname;
await fetch(`${url}/api/v1/shoots`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: 'Zoë <Öl> 漢字', rules: {} }) });
const empty = (await (await fetch(`${url}/api/v1/shoots`)).json()).shoots.find((one) => one.id !== 'ana-ben').id;
paths['shoot-empty'] = `/shoots/${encodeURIComponent(empty)}`;

async function judge(page, name, width, colorScheme) {
    await page.evaluate(() => { for (const one of document.images) one.loading = 'eager'; });
    await page.waitForFunction(() => [...document.images].every((one) => one.complete));
    await page.screenshot({ path: join(pictures, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    const sideways = await page.evaluate(() => Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) - innerWidth);
    if (sideways > 0) throw new Error(`${name} scrolls ${sideways} px sideways at ${width} px`);
    if (width === 390) {
        const small = await page.evaluate(() => [...document.querySelectorAll('button, .button, summary, nav a, input:not([type=hidden])')]
            .filter((one) => one.checkVisibility() && !one.closest('.unseen') && !one.matches('.skip'))
            .map((one) => [one, (one.matches('input') && one.closest('label') || one).getBoundingClientRect()])
            .filter(([, at]) => at.height < 43.5)
            .map(([one, at]) => `${one.outerHTML.slice(0, 80)} is ${Math.round(at.height)} px high`));
        if (small.length) throw new Error(`${name} has targets too small for a thumb:\n${small.join('\n')}`);
    }
    await page.evaluate(axe);
    const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }));
    const told = found.violations.map((one) => `${one.id}: ${one.help}\n  ${one.nodes.slice(0, 3).map((node) => `${node.html} ${node.failureSummary}`).join('\n  ')}`);
    if (told.length) throw new Error(`${name}, ${colorScheme}, ${width} px:\n${told.join('\n')}`);
}

for (const colorScheme of ['light', 'dark']) {
    for (const [width, height] of WIDTHS) {
        const context = await open(width, height, colorScheme);
        const page = await context.newPage();
        for (const [name, path] of Object.entries(paths)) {
            await page.goto(`${url}${path}`);
            await judge(page, name, width, colorScheme);
        }
        await page.goto(`${url}/shoots/ana-ben`);
        await page.getByLabel(/^PIN/).fill('4711');
        await page.getByRole('button', { name: 'Make a new code' }).click();
        await page.locator('.qr svg').waitFor();
        await judge(page, 'shoot-link', width, colorScheme);
        paths['guest-join'] = new URL(await page.locator('.secret code').innerText()).pathname;
        await context.close();
        console.log(`ok: every page at ${width} px, ${colorScheme}: axe finds nothing, nothing scrolls sideways`);
    }
}

// ---------------------------------------------------------------- without a script, and the end

const bare = await (await open(390, 844, 'light', { javaScriptEnabled: false })).newPage();
await bare.goto(`${url}${paths['guest-join']}`);
await bare.getByLabel(/^PIN/).fill('4711');
await bare.getByLabel(/I agree/).check();
await bare.getByRole('button', { name: 'Agree and go on' }).click();
await bare.getByLabel('Your name').fill('Ben again');
await bare.locator('#selfie').setInputFiles(join(folder, 'ben.jpg'));
await bare.getByRole('button', { name: 'Find my photos' }).click();
await bare.getByRole('heading', { name: '2 photos, Ben' }).waitFor();
expect(true, 'it all works without a script, and who comes back is known');
await ben.reload();
await ben.getByRole('link', { name: 'Delete my data' }).click();
await ben.getByRole('button', { name: 'Delete everything' }).click();
await ben.getByRole('heading', { name: 'Everything of you is being erased' }).waitFor();
await bare.reload();
expect(await bare.getByRole('heading', { name: 'This link does not work' }).isVisible(), 'who is forgotten is so on every phone');
expect(strayed.length === 0, `no request left the server${strayed.slice(0, 3).map((one) => ` ${one}`)}`);
expect(broken.length === 0, `nothing broke${broken.slice(0, 3).map((one) => ` ${one}`)}`);
await browser.close();
