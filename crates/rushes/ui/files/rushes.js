// What the pages do beyond being read: they follow the event stream, show films in a light box, copy ids, keep times
// fresh. Each page tells its facts and its forms work without any of it.
'use strict';

const root = document.documentElement;
root.classList.add('js');
const all = (what, within = document) => [...within.querySelectorAll(what)];
const said = document.getElementById('said');
const tell = (text) => { if (said) said.textContent = text; };
const icons = document.body.dataset.icons;
const icon = (name) => `<svg class="icon" aria-hidden="true"><use href="${icons}#${name}"/></svg>`;

// ---------------------------------------------------------------- times

// The server's clock counts; this machine's may be wrong.
let skew = Number(document.body.dataset.now || Date.now()) - Date.now();

function ago(ms) {
    const s = Math.max(0, Math.round((Date.now() + skew - ms) / 1000));
    if (s < 5) return 'just now';
    if (s < 60) return `${s} s ago`;
    if (s < 3600) return `${Math.floor(s / 60)} min ago`;
    if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
    return s < 172800 ? 'yesterday' : `${Math.floor(s / 86400)} days ago`;
}

function freshen() {
    for (const time of all('time[data-ago]')) {
        const text = ago(Date.parse(time.dateTime));
        if (time.textContent !== text) time.textContent = text;
    }
}
setInterval(freshen, 5000);

// ---------------------------------------------------------------- copying

document.addEventListener('click', async (event) => {
    const button = event.target.closest('.copy');
    if (!button) return;
    event.preventDefault();
    try {
        await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
        // Without a secure origin there is no clipboard; the text can still be marked.
        const text = button.parentElement.querySelector('code');
        if (text) getSelection().selectAllChildren(text);
        tell('Press Ctrl+C to copy');
        return;
    }
    button.classList.add('done');
    button.innerHTML = icon('check').replace('icon', 'icon s');
    tell('Copied');
    setTimeout(() => { button.classList.remove('done'); button.innerHTML = icon('copy').replace('icon', 'icon s'); }, 1500);
});

// ---------------------------------------------------------------- what changed, and only that

const keyOf = (node) => (node.nodeType === 1 ? node.dataset.key || node.id || '' : '');

// Makes `old` equal to `now` by as little as possible: nodes that stay keep their focus, their scroll and their films.
function morph(old, now) {
    for (const { name, value } of [...now.attributes]) {
        if (name !== 'open' && old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    for (const { name } of [...old.attributes]) {
        const isOurs = name === 'open' || name === 'tabindex' || (name === 'class' && old.className === 'arrived');
        if (!isOurs && !now.hasAttribute(name)) old.removeAttribute(name);
    }
    if (old.tagName === 'PROGRESS') old.value = now.value;
    if (['VIDEO', 'AUDIO', 'INPUT', 'SELECT', 'TEXTAREA'].includes(old.tagName)) return;
    const keyed = new Map([...old.children].filter(keyOf).map((node) => [keyOf(node), node]));
    let at = old.firstChild;
    for (const next of [...now.childNodes]) {
        const key = keyOf(next);
        let same = key ? keyed.get(key) : at;
        if (same && !key && (keyOf(same) || same.nodeType !== next.nodeType || same.nodeName !== next.nodeName)) same = null;
        if (same && same.nodeName !== next.nodeName) same = null;
        if (!same) {
            const fresh = document.importNode(next, true);
            if (key && fresh.matches('[data-arrives]')) fresh.classList.add('arrived');
            old.insertBefore(fresh, at);
            continue;
        }
        if (same === at) at = at.nextSibling;
        else old.insertBefore(same, at);
        if (same.nodeType === 1) morph(same, next);
        else if (same.nodeValue !== next.nodeValue) same.nodeValue = next.nodeValue;
    }
    while (at) {
        const gone = at;
        at = at.nextSibling;
        gone.remove();
    }
}

// A region that grows at its top waits while somebody points at it or stands in it.
const isHeld = (region) => region.matches('[data-hold]') && (region.matches(':hover') || region.contains(document.activeElement));

let seen = new Map();
const shown = () => new Map(all('[data-arrives]').map((node) => [node.dataset.key, node.dataset.arrives]));

function announce() {
    const now = shown();
    let made = 0, proven = 0, last = '';
    for (const [key, state] of now) {
        if (!seen.has(key)) { made += 1; last = key; }
        else if (state === 'proven' && seen.get(key) !== 'proven') { proven += 1; last = key; }
    }
    seen = now;
    const name = last && document.querySelector(`[data-key="${CSS.escape(last)}"]`)?.dataset.name;
    if (made + proven === 1 && name) tell(`${name}: ${proven ? 'delivered' : 'new'}`);
    else if (made || proven) tell([made && `${made} new`, proven && `${proven} delivered`].filter(Boolean).join(', '));
}

let asked = 0, tookMs = 0, again = null, late = false;

async function renew() {
    again = null;
    if (document.hidden) { late = true; return; }
    const began = performance.now();
    try {
        const answer = await fetch(location.href, { headers: { accept: 'text/html' }, redirect: 'manual', cache: 'no-store' });
        if (answer.type === 'opaqueredirect' || answer.status === 401) { location.reload(); return; }
        if (!answer.ok) return;
        const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
        for (const name of ['on', 'jobs', 'every', 'now']) document.body.dataset[name] = page.body.dataset[name] ?? '';
        skew = Number(page.body.dataset.now) - Date.now();
        let held = false;
        for (const region of all('[data-live]')) {
            const now = page.getElementById(region.id);
            if (!now) continue;
            if (isHeld(region)) held = true;
            else morph(region, now);
        }
        if (document.title !== page.title) document.title = page.title;
        announce();
        if (held) soon(2000);
        pace();
    } catch {
        // The stream notices that the server is gone, and says so.
    } finally {
        asked = performance.now();
        tookMs = asked - began;
    }
}

// Soon, but never more than a third of the time, however many events come.
function soon(least = 0) {
    if (again) return;
    const wait = Math.max(least, 120, 400 - (performance.now() - asked), 3 * tookMs - (performance.now() - asked));
    again = setTimeout(renew, wait);
}

// Progress within a step is no event; a page with something under way looks by itself.
let ticking = null;
function pace() {
    const every = Number(document.body.dataset.every || 0);
    clearInterval(ticking);
    ticking = every ? setInterval(() => soon(), every * 1000) : null;
}

// ---------------------------------------------------------------- the stream

const lights = all('.live');
let stream = null, lostAt = 0, patience = 1000;

function light(state, text) {
    for (const one of lights) {
        one.dataset.state = state;
        if (one.textContent !== text) one.textContent = text;
    }
}

function lost() {
    if (!lostAt) { lostAt = Date.now(); tell('Connection lost'); }
    light('lost', `Reconnecting, last seen ${Math.max(1, Math.round((Date.now() - lostAt) / 1000))} s ago`);
    root.classList.add('lost');
}

function concerns(type, fact) {
    const { on = '', jobs = '' } = document.body.dataset;
    if (!on.split(' ').some((start) => start && type.startsWith(start))) return false;
    if (!jobs || !fact.job) return true;
    return jobs.includes(fact.job) || (type === 'job.queued' && jobs.includes(fact.data?.parent ?? fact.parent));
}

function hear(event) {
    let fact = {};
    try { fact = JSON.parse(event.data); } catch { return; }
    if (concerns(event.type, fact)) soon();
}

const TYPES = ['job.queued', 'job.started', 'job.waiting', 'job.signal', 'job.cancel_asked', 'job.delivering', 'job.completed',
    'job.failed', 'job.cancelled', 'job.retried', 'work.offered', 'work.leased', 'work.given_back', 'step.done', 'step.failed', 'step.cancelled', 'step.attempt_failed',
    'subject.made', 'subject.renewed', 'asset.kept_back', 'asset.gone', 'asset.made', 'asset.expired', 'asset.restored', 'delivery.proven', 'delivery.failed',
    'delivery.refused', 'delivery.retried', 'record.written', 'record.removed', 'object.removed', 'folder.made', 'folder.removed', 'webhook.sent',
    'webhook.refused', 'webhook.disabled', 'key.revoked'];

function listen() {
    if (!document.body.dataset.events) return;
    stream?.close();
    stream = new EventSource(document.body.dataset.events + (document.body.dataset.since ? `?after=${document.body.dataset.since}` : ''));
    stream.onopen = () => {
        patience = 1000;
        root.classList.remove('lost');
        light('live', 'Live');
        if (lostAt) { lostAt = 0; tell('Connected again'); soon(); }
    };
    stream.onmessage = hear;
    for (const type of TYPES) stream.addEventListener(type, hear);
    stream.onerror = () => {
        lost();
        if (stream.readyState !== EventSource.CLOSED) return;
        // Answered with an error: the page itself tells which.
        patience = Math.min(30000, patience * 2);
        setTimeout(() => { delete document.body.dataset.since; listen(); }, patience);
    };
}
setInterval(() => { if (lostAt) lost(); }, 1000);

// A browser has few connections to one server; a page nobody sees gives its own back after a while.
let asleep = null;
document.addEventListener('visibilitychange', () => {
    clearTimeout(asleep);
    if (document.hidden) {
        asleep = setTimeout(() => { stream?.close(); stream = null; }, 30000);
        return;
    }
    if (!stream) { listen(); late = true; }
    if (late) { late = false; soon(); }
});
// A page kept for going back would hold its connection.
addEventListener('pagehide', () => stream?.close());
addEventListener('pageshow', (event) => { if (event.persisted) { listen(); soon(); } });

// ---------------------------------------------------------------- the light box

let box = null, films = [], at = 0, opener = null;

function makeBox() {
    box = document.createElement('dialog');
    box.className = 'box';
    box.setAttribute('aria-label', 'Film');
    box.innerHTML = `<button class="shut" aria-label="Close">${icon('cross')}</button>
        <button class="back" aria-label="Previous">${icon('back')}</button><button class="next" aria-label="Next">${icon('next')}</button>
        <div class="view"><div class="stage"></div><div class="told"><span></span><a>Details</a></div></div>`;
    box.querySelector('.shut').onclick = () => box.close();
    box.querySelector('.back').onclick = () => show(at - 1);
    box.querySelector('.next').onclick = () => show(at + 1);
    box.addEventListener('click', (event) => { if (event.target.matches('.view, .stage')) box.close(); });
    box.addEventListener('close', () => { box.querySelector('.stage').replaceChildren(); films[at]?.focus(); });
    document.body.append(box);
}

function show(index, play = true) {
    at = (index + films.length) % films.length;
    const { film, mime = '', poster, title, href } = { ...films[at].dataset, href: films[at].href };
    const tag = mime.startsWith('video/') ? 'video' : mime.startsWith('audio/') ? 'audio' : 'img';
    const view = document.createElement(tag);
    if (tag === 'img') view.alt = title;
    else {
        view.controls = true;
        view.playsInline = true;
        view.loop = tag === 'video';
        if (poster) view.poster = poster;
    }
    view.src = film;
    box.querySelector('.stage').replaceChildren(view);
    box.querySelector('.told span').textContent = title;
    box.querySelector('.told a').href = href;
    box.querySelector('.back').hidden = box.querySelector('.next').hidden = films.length < 2;
    // Somebody asked for this one; nothing plays unasked.
    if (play && tag !== 'img') view.play().catch(() => {});
}

function open(link) {
    if (!box) makeBox();
    films = all('a[data-film]', link.closest('[data-strip]') || document);
    box.showModal();
    show(films.indexOf(link));
}

document.addEventListener('click', (event) => {
    const link = event.target.closest('a[data-film]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    open(link);
});

document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches('input, select, textarea')) return;
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (box?.open) {
        const view = box.querySelector('video, audio');
        if (event.key === 'ArrowRight' || event.key === 'ArrowLeft') show(at + step);
        else if (event.key === ' ' && view && !event.target.matches('button')) view.paused ? view.play() : view.pause();
        else if (event.key.toLowerCase() === 'f') document.fullscreenElement ? document.exitFullscreen() : box.querySelector('.stage > *')?.requestFullscreen?.();
        else return;
        event.preventDefault();
        return;
    }
    const link = event.target.closest?.('a[data-film]');
    if (!link) return;
    if (step) {
        const group = all('a[data-film]', link.closest('[data-strip]') || document);
        group[Math.min(group.length - 1, Math.max(0, group.indexOf(link) + step))].focus();
    } else if (event.key === ' ') open(link);
    else if (event.key.toLowerCase() === 'f') { open(link); box.querySelector('.stage > *')?.requestFullscreen?.(); }
    else return;
    event.preventDefault();
});

// ---------------------------------------------------------------- the start form

// References move while they are pointed at or stood on; they are silent.
for (const film of all('.ref video')) {
    const card = film.closest('.ref');
    const start = () => film.play().catch(() => {});
    const stop = () => { film.pause(); };
    card.addEventListener('pointerenter', start);
    card.addEventListener('pointerleave', stop);
    card.addEventListener('focusin', start);
    card.addEventListener('focusout', stop);
}

// One sample at a time.
document.addEventListener('play', (event) => {
    for (const other of all('audio, video')) if (other !== event.target && !other.muted && !other.paused) other.pause();
}, true);

const planned = document.querySelector('form[data-plan]');
if (planned) {
    let wait = null;
    planned.addEventListener('input', () => {
        clearTimeout(wait);
        wait = setTimeout(async () => {
            const query = new URLSearchParams(new FormData(planned));
            const answer = await fetch(`${planned.dataset.plan}?${query}`, { headers: { accept: 'text/html' } }).catch(() => null);
            if (!answer?.ok) return;
            const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
            const [old, now] = [document.getElementById('plan'), page.getElementById('plan')];
            if (old && now) morph(old, now);
        }, 200);
    });
}

seen = shown();
freshen();
pace();
listen();
