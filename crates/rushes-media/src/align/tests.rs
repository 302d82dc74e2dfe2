//! Tests of aligning: boxes that move over noisy gradients, drawn mannequins, films with nobody in them, and what is made.

use super::*;
use crate::draw::choreography::{Choreography, Music};
use crate::draw::film::{Dancer, Film};
use crate::draw::sticker::tests::someone;
use crate::draw::{Look, still::portrait};
use crate::run::{Ffmpeg, sample};
use rushes_core::provider::Outfit;
use std::path::PathBuf;

const SIZE: (u32, u32) = (360, 640);

/// A reference of 3 s: a body `wide` by `tall` pixels with a head, its feet at `floor`, going from side to side of `middle`
/// over a gradient with noise; 180 by 320 pixels.
fn moving(folder: &Path, (wide, tall): (u32, u32), middle: u32, floor: u32) -> PathBuf {
    let x = format!("(X-{middle}-16*sin(4*T))");
    let body = format!("lt(abs({x}),{})*between(Y,{}+36,{floor}-1)", wide / 2, floor - tall);
    let head = format!("lt(hypot({x},Y-{}-20),20)", floor - tall);
    let picture = format!(
        "color=gray:s=180x320:r=15:d=3,format=yuv420p,geq=lum='if({body}+{head},200+20*mod(floor(Y/9),2),50+Y/4+X/8)':cb=140:cr=120,noise=alls=14:allf=t:all_seed=7"
    );
    sample::make(folder, "moving.mp4", &[&picture], &["-c:v", "libx264", "-preset", "ultrafast", "-crf", "23", "-pix_fmt", "yuv420p"])
}

/// A still: a dark body with a head on a gradient, feet at 95 % of the height.
fn body(size: (u32, u32), half: u32) -> RgbImage {
    RgbImage::from_fn(size.0, size.1, |x, y| {
        let (middle, floor, top) = (size.0 * 2 / 5, size.1 * 95 / 100, size.1 / 5);
        let is_body = x.abs_diff(middle) < half && (top + half..floor).contains(&y);
        let is_head = x.abs_diff(middle).pow(2) + y.abs_diff(top + half).pow(2) < half.pow(2);
        let shade = (190 - 60 * y / size.1) as u8;
        if is_body || is_head { Rgb([60, 30, 50]) } else { Rgb([shade, shade + 10, shade + 30]) }
    })
}

fn aligned(still: &RgbImage, film: &Path) -> (Aligned, RgbImage) {
    let folder = tempfile::tempdir().unwrap();
    let [from, to, again] = ["still.png", "out.png", "again.png"].map(|name| folder.path().join(name));
    still.save(&from).unwrap();
    let made = align(&from, film, SIZE.0, SIZE.1, &to, &Cancel::new()).unwrap();
    assert_eq!(made, align(&from, film, SIZE.0, SIZE.1, &again, &Cancel::new()).unwrap());
    assert!(std::fs::read(&to).unwrap() == std::fs::read(&again).unwrap(), "equal inputs give equal bytes");
    let picture = image::open(&to).unwrap().into_rgb8();
    assert_eq!(picture.dimensions(), SIZE);
    (made, picture)
}

/// Floor line within 1.5 % of the height, height within 3 % of itself, middle within 4 % of the width.
fn assert_near(what: &str, found: Span, wanted: Span) {
    assert_within([0.015, 0.03, 0.04], what, found, wanted);
}

fn assert_within([floor, height, middle]: [f64; 3], what: &str, found: Span, wanted: Span) {
    println!("{what}: found {found:.3?}, wanted {wanted:.3?}");
    assert!((found.bottom - wanted.bottom).abs() <= floor, "{what}: its floor is {:.3}, not {:.3}", found.bottom, wanted.bottom);
    let ratio = found.height() / wanted.height();
    assert!((ratio - 1.0).abs() <= height, "{what}: {:.3} high, not {:.3}", found.height(), wanted.height());
    assert!((found.centre() - wanted.centre()).abs() <= middle, "{what}: its middle is {:.3}, not {:.3}", found.centre(), wanted.centre());
}

#[test]
fn align_fits_figures_to_who_moves_over_a_noisy_gradient() {
    let folder = tempfile::tempdir().unwrap();
    for (tall, middle, floor) in [(200, 90, 290), (130, 70, 250), (240, 105, 305)] {
        let film = moving(folder.path(), (56, tall), middle, floor);
        let (made, picture) = aligned(&body((500, 700), 60), &film);
        let [left, right] = [middle - 28, middle + 28].map(|x| f64::from(x) / 180.0);
        let wanted = Span { left, top: f64::from(floor - tall) / 320.0, right, bottom: f64::from(floor) / 320.0 };
        assert_near("reference", made.reference.unwrap(), wanted);
        assert_near("still", made.image.unwrap(), Span { left: 0.28, top: 0.2, right: 0.52, bottom: 0.95 });
        assert_near("placed", made.placed, Span { left: made.placed.left, right: made.placed.right, ..wanted });
        let seen = still::by_backdrop(&Small::of(&picture)).unwrap().span;
        assert_near("seen", seen, made.placed);
        assert!((made.floor - made.placed.bottom).abs() < 1e-9);
    }
}

#[test]
fn align_follows_mannequins_on_their_stage() {
    let folder = tempfile::tempdir().unwrap();
    let (width, height, fps) = (180, 320, 10);
    for (seed, bpm) in [(11, 124.0), (23, 108.0), (37, 136.0)] {
        let dance = Choreography::new(Music::steady(bpm, 4.0), seed);
        let film = |number| Film::new(Dancer::Mannequin(number), &dance, seed, 40, fps, (width, height));
        let shown = |film: &Film| {
            let (mut half, mut frame) = film.scratch();
            film.draw(0, &mut half, &mut frame);
            frame
        };
        let (one, first) = (film(0), shown(&film(0)));
        // Another of another colour on the very same stage: where they differ is the figure.
        let row = width as usize;
        let same_stage = |other: &tiny_skia::Pixmap| {
            let top = 30 * row;
            other.pixels()[..top] == first.pixels()[..top] && other.pixels() != first.pixels()
        };
        let other = (1..60).map(|number| shown(&film(number))).find(same_stage).unwrap();
        let differs = |at: usize| {
            let (a, b) = (first.pixels()[at], other.pixels()[at]);
            a.red().abs_diff(b.red()).max(a.blue().abs_diff(b.blue())) > 12
        };
        let wanted = Mask::new(row, height as usize, differs).regions().into_iter().max_by_key(|region| region.pixels.len()).unwrap();
        let mut bytes = Vec::new();
        one.play(2, |_, rgba| {
            bytes.extend_from_slice(rgba);
            Ok(())
        })
        .unwrap();
        let file = folder.path().join("dance.mp4");
        let size = format!("{width}x{height}");
        Ffmpeg::new("film mannequin")
            .args(["-f", "rawvideo", "-pix_fmt", "rgba", "-s", &size, "-r", &fps.to_string(), "-i", "pipe:0"])
            .args(["-c:v", "libx264", "-preset", "ultrafast", "-crf", "20", "-pix_fmt", "yuv420p"])
            .to(&file)
            .run_fed(&bytes, &Cancel::new(), &mut |_| ())
            .unwrap();
        let (made, _) = aligned(&body((500, 700), 60), &file);
        // Beams and pools of light are told from who stands in them as well as can be, which is not as well as elsewhere.
        assert_within([0.05, 0.2, 0.06], &format!("mannequin {seed}"), made.reference.unwrap(), wanted.span(row, height as usize));
    }
}

#[test]
fn align_finds_drawn_figures_before_designed_backdrops() {
    for seed in 1..7 {
        for look in [Look::ANIME, Look::COSPLAY] {
            let spec = someone(seed);
            let cut = spec.cut(&Outfit("kpop".into()), &[]).unwrap();
            let picture = portrait(&spec, &cut, look, 360, 640).unwrap();
            let rgb = picture.pixels().iter().flat_map(|p| [p.red(), p.green(), p.blue()]).collect();
            let found = still::by_backdrop(&Small::of(&RgbImage::from_raw(360, 640, rgb).unwrap())).unwrap().span;
            println!("seed {seed} {look:?}: {found:.3?}");
            assert!((0.925..=0.985).contains(&found.bottom), "seed {seed} {look:?}: {found:?}");
            assert!((0.70..=0.96).contains(&found.height()), "seed {seed} {look:?}: {found:?}");
        }
    }
}

#[test]
fn align_says_when_the_reference_shows_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let film = sample::make(
        folder.path(),
        "nobody.mp4",
        &["color=0x405060:s=180x320:r=10:d=2,noise=alls=12:allf=t:all_seed=3"],
        &["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"],
    );
    let (made, _) = aligned(&body((500, 700), 60), &film);
    assert_eq!(made.reference, None);
    assert!((made.placed.bottom - 0.92).abs() < 1e-6 && (made.placed.height() - 0.84).abs() < 1e-6, "{made:?}");
    assert!((made.placed.centre() - 0.5).abs() < 1e-6);
    let said = serde_json::to_value(made).unwrap();
    assert!(said["reference"].is_null() && said["placed"]["bottom"].is_number(), "{said}");
}

#[test]
fn align_cuts_nothing_off_and_says_what_it_made_smaller() {
    let folder = tempfile::tempdir().unwrap();
    let film = moving(folder.path(), (40, 250), 60, 300);
    let (made, picture) = aligned(&body((900, 700), 190), &film);
    assert!(made.is_smaller, "{made:?}");
    assert!(made.placed.left > 0.0 && made.placed.right < 1.0 && made.placed.top > 0.0, "{made:?}");
    assert!((made.placed.bottom - 300.0 / 320.0).abs() <= 0.015);
    let seen = still::by_backdrop(&Small::of(&picture)).unwrap().span;
    assert!((seen.bottom - made.placed.bottom).abs() <= 0.015 && seen.left > 0.0 && seen.right < 1.0, "{seen:?}");
}

#[test]
fn align_continues_the_backdrop_without_seams() {
    let folder = tempfile::tempdir().unwrap();
    let film = moving(folder.path(), (40, 120), 90, 220);
    let (made, picture) = aligned(&body((400, 500), 50), &film);
    assert!(made.scale < 0.9 && !made.is_smaller, "{made:?}");
    // Beside the figure, from edge to edge, no two neighbours differ visibly.
    let far = |a: Rgb<u8>, b: Rgb<u8>| a.0.iter().zip(b.0).map(|(a, b)| a.abs_diff(b)).max().unwrap_or(0);
    let column = (0..SIZE.1 - 1).map(|y| far(*picture.get_pixel(4, y), *picture.get_pixel(4, y + 1))).max();
    let row = (0..SIZE.0 - 1).map(|x| far(*picture.get_pixel(x, 10), *picture.get_pixel(x + 1, 10))).max();
    assert!(column <= Some(3) && row <= Some(3), "{column:?} {row:?}");
}

#[test]
fn align_takes_transparent_stills_and_refuses_impossible_sizes() {
    let folder = tempfile::tempdir().unwrap();
    let film = moving(folder.path(), (56, 200), 90, 290);
    let flat = body((300, 400), 40);
    let clear = RgbaImage::from_fn(300, 400, |x, y| {
        let Rgb([red, green, blue]) = *flat.get_pixel(x, y);
        image::Rgba([red, green, blue, if red == 60 { 255 } else { 0 }])
    });
    let (from, to) = (folder.path().join("clear.png"), folder.path().join("out.png"));
    clear.save(&from).unwrap();
    let made = align(&from, &film, SIZE.0, SIZE.1, &to, &Cancel::new()).unwrap();
    assert_near("clear", made.image.unwrap(), Span { left: 0.267, top: 0.2, right: 0.533, bottom: 0.95 });
    assert_eq!(image::open(&to).unwrap().into_rgb8().get_pixel(2, 2).0, PAPER);
    assert_eq!(align(&from, &film, 10, 640, &to, &Cancel::new()).unwrap_err().code, Code::InputInvalid);
    assert_eq!(align(&from, &from, SIZE.0, SIZE.1, &to, &Cancel::new()).unwrap_err().code, Code::FileForbidden);
}
