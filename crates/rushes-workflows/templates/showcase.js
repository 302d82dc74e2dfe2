'use strict';
(() => {
    const all = document.getElementById('all');
    const people = [...all.children];
    const counts = document.getElementById('counts').textContent;
    const until = document.getElementById('until');
    if (until && Date.parse(until.dateTime) < Date.now()) document.getElementById('over').hidden = false;

    // One character at a time, in a dialog. Its film is made when it is looked at: a thousand players are no page.
    const sheet = document.body.appendChild(document.createElement('dialog'));
    sheet.tabIndex = -1;
    let shown = null;
    const step = (label, sign, by) => {
        const button = document.createElement('button');
        Object.assign(button, { type: 'button', className: 'step', textContent: sign, onclick: () => go(by) });
        button.setAttribute('aria-label', label);
        return button;
    };
    const steps = document.createElement('div');
    const [before, after] = [step('Previous character', '←', -1), step('Next character', '→', 1)];
    steps.className = 'steps';
    steps.append(before, after);

    const visible = () => people.filter((one) => !one.hidden);
    const beside = (by) => { const list = visible(); const at = list.indexOf(shown); return at < 0 ? null : list[at + by]; };
    const mark = (link, is) => is ? link.setAttribute('aria-current', 'true') : link.removeAttribute('aria-current');
    const back = () => {
        if (!shown) return;
        sheet.querySelector('video')?.remove();
        shown.append(sheet.querySelector('article'));
        shown = null;
    };
    const show = (one, plays) => {
        if (shown === one) return;
        back();
        const article = one.querySelector('article');
        if (!article) return;
        shown = one;
        sheet.replaceChildren(steps, article);
        sheet.setAttribute('aria-label', article.querySelector('h2').textContent);
        [before.disabled, after.disabled] = [!beside(-1), !beside(1)];
        if (!sheet.open) sheet.showModal();
        sheet.scrollTop = 0;
        sheet.focus();
        const film = article.querySelector('noscript');
        const video = film && new DOMParser().parseFromString(film.textContent, 'text/html').querySelector('video');
        if (video) film.before(video);
        for (const [index, link] of article.querySelectorAll('.films a').entries()) mark(link, index === 0);
        if (plays && video) video.play().catch(() => {});
    };
    const hide = () => {
        const one = shown;
        back();
        sheet.close();
        one?.querySelector('h2 a').focus();
    };
    const at = (hash) => people.find((one) => '#' + one.id === hash);
    const sync = () => { const one = at(location.hash); one ? show(one, false) : shown && hide(); };
    const close = () => {
        if (history.state?.opened) return history.back();
        history.replaceState(null, '', '#_');
        hide();
    };
    const go = (by) => {
        const one = beside(by);
        if (!one) return;
        history.replaceState(history.state, '', '#' + one.id);
        const video = sheet.querySelector('video');
        show(one, Boolean(video && !video.paused));
    };

    document.addEventListener('click', (event) => {
        const link = event.target.closest('a');
        if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
        const one = link.matches('h2 a') && at(link.hash);
        if (one) {
            event.preventDefault();
            if (one === shown) return;
            history.pushState({ opened: true }, '', link.hash);
            show(one, true);
        } else if (link.matches('.close')) {
            event.preventDefault();
            close();
        } else if (link.matches('.films a')) {
            event.preventDefault();
            const video = sheet.querySelector('video');
            for (const other of sheet.querySelectorAll('.films a')) mark(other, other === link);
            video.src = link.href;
            video.play().catch(() => {});
        }
    });
    sheet.addEventListener('cancel', (event) => { event.preventDefault(); close(); });
    document.addEventListener('keydown', (event) => {
        const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        if (event.altKey || event.ctrlKey || event.metaKey || event.target.matches('input')) return;
        const video = shown && sheet.querySelector('video');
        if (shown && event.target === sheet && video && event.key === ' ') {
            event.preventDefault();
            video.paused ? video.play().catch(() => {}) : video.pause();
        } else if (video && event.key === 'f') {
            document.fullscreenElement ? document.exitFullscreen() : video.requestFullscreen?.();
        } else if (by && shown && event.target !== video) {
            event.preventDefault();
            go(by);
        } else if (by && !shown) {
            const list = visible();
            const from = list.indexOf(document.activeElement?.closest('#all > li'));
            list[from < 0 ? 0 : from + by]?.querySelector('h2 a').focus();
        }
    });
    addEventListener('popstate', sync);
    addEventListener('hashchange', sync);

    const label = document.querySelector('.search');
    if (label) {
        const plain = (text) => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
        const names = new Map(people.map((one) => [one, plain(one.querySelector('h2').textContent)]));
        label.hidden = false;
        label.querySelector('input').addEventListener('input', (event) => {
            const wanted = plain(event.target.value.trim());
            let found = 0;
            for (const [one, name] of names) found += !(one.hidden = !name.includes(wanted));
            document.getElementById('none').hidden = found > 0;
            const told = wanted ? `${found} of ${people.length} characters` : counts;
            document.getElementById('counts').textContent = told;
            document.getElementById('found').textContent = wanted ? told : '';
        });
    }
    sync();
})();
