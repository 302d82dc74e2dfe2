// What a guest's pages do beyond being read: they open the camera, make selfies small, and show new photos as they come. Each works
// without any of it.
'use strict';

document.documentElement.classList.add('js');
const by = (id) => document.getElementById(id);
const tell = (text) => { by('said').textContent = text; };

// ---------------------------------------------------------------- the selfie

const SELFIES_MAX = 3, LONGEST_PX = 1280;
const form = by('face');

// What a network of a venue carries in a moment, upright.
async function shrink(file) {
    try {
        const whole = await createImageBitmap(file, { imageOrientation: 'from-image' });
        const scale = Math.min(1, LONGEST_PX / Math.max(whole.width, whole.height));
        if (scale === 1 && file.size < 1_000_000) return file;
        return await drawn(whole, Math.round(whole.width * scale), Math.round(whole.height * scale));
    } catch {
        // What this browser cannot open, the other end may.
        return file;
    }
}

async function drawn(picture, width, height) {
    const canvas = document.createElement('canvas');
    canvas.width = width;
    canvas.height = height;
    canvas.getContext('2d').drawImage(picture, 0, 0, width, height);
    const blob = await new Promise((done) => { canvas.toBlob(done, 'image/jpeg', 0.92); });
    return new File([blob], 'selfie.jpg', { type: 'image/jpeg' });
}

function face() {
    const input = by('selfie'), taken = by('taken'), view = by('view'), wrong = by('wrong');
    let files = [], stream = null;

    function show() {
        input.required = files.length === 0;
        taken.replaceChildren(...files.map((file, at) => {
            const one = document.createElement('li'), picture = new Image(), off = document.createElement('button'), sign = document.createElement('span');
            picture.src = URL.createObjectURL(file);
            picture.alt = `Selfie ${at + 1}`;
            picture.onload = () => URL.revokeObjectURL(picture.src);
            off.type = 'button';
            off.setAttribute('aria-label', `Remove selfie ${at + 1}`);
            sign.textContent = '×';
            off.append(sign);
            off.onclick = () => { files.splice(at, 1); show(); };
            one.append(picture, off);
            return one;
        }));
        const more = files.length > 0;
        by('pick').textContent = more ? 'Add another' : stream === null && !by('open').hidden ? 'Choose a picture instead' : 'Take or choose a selfie';
        by('pick').parentElement.hidden = files.length >= SELFIES_MAX;
        by('send').disabled = false;
    }

    function add(file) {
        wrong.textContent = '';
        if (files.length < SELFIES_MAX) files.push(file);
        show();
        tell(`${files.length} of ${SELFIES_MAX} selfies`);
        if (files.length >= SELFIES_MAX) close();
    }

    function close() {
        for (const track of stream?.getTracks() ?? []) track.stop();
        stream = null;
        view.srcObject = null;
        by('camera').hidden = true;
        by('open').hidden = !navigator.mediaDevices || files.length >= SELFIES_MAX;
        show();
    }

    input.addEventListener('change', async () => {
        for (const file of [...input.files].slice(0, SELFIES_MAX)) add(await shrink(file));
        input.value = '';
    });

    // Only where the page came over a line that nobody else reads, browsers lend it the camera.
    if (navigator.mediaDevices?.getUserMedia) {
        by('open').hidden = false;
        by('open').onclick = async () => {
            wrong.textContent = '';
            try {
                stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'user', width: { ideal: 1280 } }, audio: false });
                view.srcObject = stream;
                await view.play();
                by('camera').hidden = false;
                by('open').hidden = true;
                by('snap').focus();
            } catch {
                close();
                by('open').hidden = true;
                wrong.textContent = 'The camera did not open. Take or choose a picture instead.';
                show();
            }
        };
        by('snap').onclick = async () => { if (view.videoWidth) add(await drawn(view, view.videoWidth, view.videoHeight)); };
        by('shut').onclick = close;
        addEventListener('pagehide', close);
    } else by('plain').hidden = false;
    show();

    form.addEventListener('submit', (event) => {
        event.preventDefault();
        wrong.textContent = '';
        if (files.length === 0) { wrong.textContent = 'Take a selfie first.'; return; }
        const body = new FormData();
        body.append('name', by('name').value);
        for (const file of files) body.append('selfie', file);
        const sending = new XMLHttpRequest();
        const fail = (text) => { by('going').hidden = true; by('send').disabled = false; wrong.textContent = text; wrong.scrollIntoView({ block: 'center' }); };
        by('send').disabled = true;
        by('going').hidden = false;
        by('doing').textContent = 'Sending your selfie…';
        sending.upload.onprogress = ({ loaded, total }) => { by('far').value = 100 * loaded / total; };
        sending.upload.onload = () => { by('far').removeAttribute('value'); by('doing').textContent = 'Looking for you in the photos…'; };
        sending.onload = () => {
            if (sending.status === 200) { close(); location.replace(form.action.replace(/\/selfie$/, '')); return; }
            const page = new DOMParser().parseFromString(sending.responseText, 'text/html');
            fail(page.getElementById('wrong')?.textContent || page.querySelector('h1 ~ p, main > p')?.textContent || 'That did not work. Try again.');
        };
        sending.onerror = () => fail('The connection was lost. Your selfie is still here: try again.');
        sending.open('POST', form.action);
        sending.send(body);
    });
}
if (form) face();

// ---------------------------------------------------------------- the photos

const EVERY_MS = 3000;
const photos = by('photos');

function card(number) {
    const { at } = photos.dataset;
    const one = document.createElement('li'), open = document.createElement('a'), picture = new Image(), save = document.createElement('a');
    one.dataset.number = number;
    one.className = 'arrived';
    open.href = `${at}/photos/${number}/large`;
    picture.src = `${at}/photos/${number}/small`;
    picture.alt = `Photo ${number}`;
    open.append(picture);
    save.className = 'save';
    save.href = `${at}/photos/${number}/file`;
    save.download = '';
    save.setAttribute('aria-label', `Download photo ${number}`);
    save.textContent = 'Save';
    one.append(open, save);
    return one;
}

async function renew() {
    if (document.hidden) return;
    const { at, name } = photos.dataset;
    let answer;
    try {
        answer = await fetch(`${at}/latest`, { cache: 'no-store' });
    } catch {
        by('live').hidden = false;
        return;
    }
    // The link opens nothing any more: the page itself says so.
    if (answer.status === 404) { location.reload(); return; }
    if (!answer.ok) { by('live').hidden = false; return; }
    const now = await answer.json();
    by('live').hidden = true;
    const wanted = new Set(now.photos), there = new Map([...photos.children].map((one) => [Number(one.dataset.number), one]));
    for (const [number, one] of there) if (!wanted.has(number)) one.remove();
    let fresh = 0;
    for (const number of [...now.photos].reverse()) {
        if (there.has(number)) continue;
        const next = [...photos.children].find((one) => Number(one.dataset.number) < number);
        photos.insertBefore(card(number), next ?? null);
        fresh += 1;
    }
    by('count').textContent = now.count === 0 ? `Hello ${name}` : `${now.count === 1 ? '1 photo' : `${now.count} photos`}, ${name}`;
    by('waiting').hidden = now.count > 0;
    by('all').hidden = now.count === 0;
    if (fresh) tell(fresh === 1 ? 'A new photo of you' : `${fresh} new photos of you`);
}

if (photos && 'live' in photos.dataset) {
    setInterval(renew, EVERY_MS);
    document.addEventListener('visibilitychange', renew);
}
