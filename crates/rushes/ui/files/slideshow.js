// Shows photos in turn; what is new comes next. Without it the newest stands still.
'use strict';

const EVERY_MS = 6000;
const root = document.documentElement, slides = document.getElementById('slides');
root.classList.add('js');
const all = () => [...slides.children];

function fill(slide) {
    if (!slide || slide.firstElementChild) return;
    const view = new Image();
    view.alt = `Photo ${slide.dataset.number}`;
    view.src = `${document.body.dataset.photos}${slide.dataset.number}/large`;
    slide.append(view);
}

function show(slide) {
    if (!slide) return;
    fill(slide);
    for (const other of all()) other.classList.toggle('now', other === slide);
    fill(slide.nextElementSibling ?? all()[0]);
}

function next() {
    const now = slides.querySelector('.now');
    const fresh = all().find((slide) => slide.dataset.fresh);
    if (fresh) delete fresh.dataset.fresh;
    show(fresh ?? now?.nextElementSibling ?? all()[0]);
}

async function renew() {
    try {
        const answer = await fetch(location.href, { headers: { accept: 'text/html' }, cache: 'no-store' });
        if (!answer.ok) return;
        const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
        const there = new Set(all().map((slide) => slide.dataset.number));
        const fresh = [...page.querySelectorAll('#slides li')].filter((slide) => !there.has(slide.dataset.number)).reverse();
        for (const { dataset } of fresh) {
            const slide = document.createElement('li');
            slide.dataset.number = dataset.number;
            slide.dataset.fresh = 'yes';
            slides.prepend(slide);
            fill(slide);
        }
        if (fresh.length) document.querySelector('.none')?.remove();
        // A screen of an evening keeps no thousand pictures.
        for (const old of all().slice(60)) if (!old.classList.contains('now')) old.remove();
    } catch {
        // The network of a venue comes and goes.
    }
}

let still = null;
addEventListener('pointermove', () => {
    root.classList.remove('still');
    clearTimeout(still);
    still = setTimeout(() => root.classList.add('still'), 3000);
});
show(all()[0]);
setInterval(next, EVERY_MS);
setInterval(renew, 3000);
