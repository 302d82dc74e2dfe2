//! What looking for faces costs, and how rightly persons are told apart, on the shared test photos and on photos of 24
//! megapixels made of them. `cargo run --release -p rushes-faces --example measure [accuracy|speed|peer|propose|look PHOTO [PNG]]`.
//!
//! Photos and models lie in `../shared`, or in the folder that RUSHES_SHARED names; without them it says so and ends.
//! Compare processor seconds and ratios within one run: machines are noisy.

#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use image::imageops::{FilterType, overlay, resize};
use image::{Rgb, RgbImage};
use rushes_core::Cancel;
use rushes_core::album::{Group, Likeness, Likenesses, Rules};
use rushes_core::faces::judge::{Verdict, assign, group, may_found};
use rushes_core::faces::{FaceFinder, Seen, Template};
use rushes_faces::models::{self, DETECTOR, EMBEDDER, MODELS};
use rushes_faces::{Finder, MAX_CLUSTERED, Runtime, cluster, propose};
use rushes_testkit::shared;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

type Trouble = Box<dyn std::error::Error>;

const LARGE: usize = 6;

fn main() -> Result<(), Trouble> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if words == ["propose"] {
        proposals()?;
        return Ok(());
    }
    let (Some(files), Some(dev)) = (shared::models(), shared::shared("data/faces/dev")) else { return Ok(()) };
    // As a user installs them.
    let home = tempfile::tempdir()?;
    for (model, file) in MODELS.into_iter().zip(files) {
        models::install(home.path(), model, &file)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let photos = listed(&dev)?;
    match words[..] {
        ["look", photo] => runtime.block_on(look(home.path(), photo.as_ref(), None)),
        ["look", photo, png] => runtime.block_on(look(home.path(), photo.as_ref(), Some(png.as_ref()))),
        ["accuracy"] => runtime.block_on(accuracy(home.path(), &dev)),
        ["peer"] => runtime.block_on(peer(home.path(), &photos)),
        ["speed"] => runtime.block_on(speed(home.path(), &photos)),
        _ => runtime.block_on(async {
            accuracy(home.path(), &dev).await?;
            speed(home.path(), &photos).await?;
            peer(home.path(), &photos).await
        }),
    }
}

/// What it costs to find who may be one: of as many faces as are compared at once, of so many people.
fn proposals() -> Result<(), Trouble> {
    let mut number = 7_u64;
    let mut template = || {
        let mut one = || {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (number >> 40) as f32 / (1 << 24) as f32 * 0.17
        };
        let numbers: Vec<f32> = (0..128).map(|_| one()).collect();
        Template::new(&numbers)
    };
    for people in [60, 300, MAX_CLUSTERED] {
        let mut of = Likenesses::default();
        for number in 0..u32::try_from(people)? {
            let templates = (0..MAX_CLUSTERED / people).map(|_| template()).collect::<Result<_, _>>()?;
            of.people.push(Likeness { number, templates, photos: [number].into() });
        }
        let (began, cpu) = (Instant::now(), cpu_s());
        let found = propose(&of, 0.60).same.len();
        let (wall, cpu) = (began.elapsed().as_secs_f64(), cpu_s() - cpu);
        println!("faces       {MAX_CLUSTERED} faces of {people} people: {cpu:.2} s CPU, {wall:.2} s ({found} proposals)");
    }
    Ok(())
}

/// The photos of a list, with who is in each.
fn people(dev: &Path) -> Result<Vec<(PathBuf, String)>, Trouble> {
    let list = std::fs::read_to_string(dev.join("identities.csv"))?;
    let line = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
    Ok(list.lines().skip(1).map(line).map(|of| (dev.join(&of[0]), of[1].clone())).collect())
}

fn listed(dev: &Path) -> Result<Vec<PathBuf>, Trouble> {
    Ok(people(dev)?.into_iter().map(|(photo, _)| photo).collect())
}

/// rten, and ONNX Runtime where its library is named.
fn finders(models: &Path) -> Result<Vec<Finder>, Trouble> {
    let mut all = vec![Finder::open(models, &Runtime::Rten, None)?];
    match std::env::var_os("ORT_DYLIB_PATH") {
        Some(library) => all.push(Finder::open(models, &Runtime::Ort(library.into()), None)?),
        None => println!("faces       skipped: ONNX Runtime (name its library in ORT_DYLIB_PATH)"),
    }
    Ok(all)
}

/// Looks at all photos, so many at once: (photos a second, processor seconds a photo, faces).
async fn round(finder: &Finder, photos: &[PathBuf], workers: usize) -> Result<(f64, f64, usize), Trouble> {
    let (began, cpu) = (Instant::now(), cpu_s());
    let queue = Arc::new(Mutex::new(photos.to_vec()));
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..workers {
        let (finder, queue) = (finder.clone(), Arc::clone(&queue));
        running.spawn(async move {
            let mut faces = 0;
            loop {
                let photo = queue.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let Some(photo) = photo else { return Ok::<_, rushes_core::Fault>(faces) };
                faces += finder.look(&photo, &Cancel::new()).await?.faces.len();
            }
        });
    }
    let mut faces = 0;
    while let Some(worker) = running.join_next().await {
        faces += worker??;
    }
    let count = photos.len() as f64;
    Ok((count / began.elapsed().as_secs_f64(), (cpu_s() - cpu) / count, faces))
}

async fn speed(models: &Path, photos: &[PathBuf]) -> Result<(), Trouble> {
    let folder = tempfile::tempdir()?;
    let large = large(folder.path(), photos)?;
    for finder in finders(models)? {
        // The first pays for what is made once.
        round(&finder, &photos[..4], 2).await?;
        for (what, photos) in [("test photos", photos), ("24 megapixels", &large)] {
            for workers in [1, 2] {
                let (rate, cpu_s, faces) = round(&finder, photos, workers).await?;
                let name = finder.runtime();
                println!(
                    "faces       {name:>4}, {workers} at once, {what}: {rate:>5.1} photos/s, {cpu_s:.3} s CPU a photo ({faces} faces)"
                );
            }
        }
    }
    Ok(())
}

/// Photos of 6000×4000, six of the test photos in each.
fn large(folder: &Path, photos: &[PathBuf]) -> Result<Vec<PathBuf>, Trouble> {
    let mut made = Vec::new();
    for (index, six) in photos.chunks(6).take(LARGE).enumerate() {
        let mut whole = RgbImage::from_fn(6000, 4000, |x, y| Rgb([(x / 40) as u8, (y / 30) as u8, (x * y % 61) as u8]));
        for (place, photo) in six.iter().enumerate() {
            let photo = image::open(photo)?.into_rgb8();
            let share = 1900.0 / f64::from(photo.width().max(photo.height()));
            let side = |side: u32| (f64::from(side) * share) as u32;
            let photo = resize(&photo, side(photo.width()), side(photo.height()), FilterType::Triangle);
            overlay(&mut whole, &photo, (place as i64 % 3) * 2000 + 50, (place as i64 / 3) * 2000 + 50);
        }
        let path = folder.join(format!("{index}.jpg"));
        let file = std::io::BufWriter::new(std::fs::File::create(&path)?);
        image::codecs::jpeg::JpegEncoder::new_with_quality(file, 92).encode_image(&whole)?;
        made.push(path);
    }
    Ok(made)
}

/// The accuracy table: thresholds are the product's own.
async fn accuracy(models: &Path, dev: &Path) -> Result<(), Trouble> {
    let finder = Finder::open(models, &Runtime::Auto(None), None)?;
    let mut singles: Vec<(String, Seen)> = Vec::new();
    let (mut faces, mut groups, mut founders) = (0, 0, 0);
    for (photo, person) in people(dev)? {
        let seen = finder.look(&photo, &Cancel::new()).await?;
        faces += seen.faces.len();
        groups += usize::from(group(&seen.faces) == Group::Group);
        founders += seen.faces.iter().filter(|face| may_found(&face.quality)).count();
        if !person.is_empty() && !person.contains('+') {
            singles.push((person, seen));
        }
    }
    println!("faces       {faces} faces, {founders} of which may found a person; {groups} photos show a group ({})", finder.runtime());
    let templates: Vec<(&Template, usize)> = singles.iter().enumerate().map(|(photo, of)| (&of.1.faces[0].template, photo)).collect();
    for distance in [0.45, 0.50, 0.55, 0.60] {
        let (mut same, mut right, mut pairs, mut wrong) = (0, 0, 0, 0);
        for (at, (person, _)) in singles.iter().enumerate() {
            for before in 0..at {
                let is_near = usize::from(templates[at].0.distance(templates[before].0) < distance);
                let is_same = usize::from(*person == singles[before].0);
                (same, right) = (same + is_same, right + is_same * is_near);
                (pairs, wrong) = (pairs + 1 - is_same, wrong + (1 - is_same) * is_near);
            }
        }
        println!("faces       below {distance:.2}: {right} of {same} pairs of one person, {wrong} of {pairs} pairs of two");
    }
    let thresholds = Rules::default();
    let together = cluster(&templates, thresholds.review_below);
    println!(
        "faces       {} photos in {} groups at {:.2} (at most {MAX_CLUSTERED} at once)",
        singles.len(),
        together.len(),
        thresholds.review_below
    );
    let (mut names, mut known): (Vec<&str>, Vec<Vec<Template>>) = (Vec::new(), Vec::new());
    let (mut right, mut wrong) = (0, 0);
    for (person, seen) in &singles {
        if !names.contains(&person.as_str()) {
            names.push(person);
            known.push(vec![seen.faces[0].template.clone()]);
        } else {
            // Whom a later photo enrols is nobody's to find yet.
            let faces: Vec<&Template> = seen.faces.iter().map(|face| &face.template).collect();
            for verdict in assign(&faces, &known, |_, _| true, &thresholds) {
                let Verdict::Route { person: routed, .. } = verdict else { continue };
                let is_right = usize::from(names[routed] == person);
                (right, wrong) = (right + is_right, wrong + 1 - is_right);
            }
        }
    }
    let rest = singles.len() - known.len();
    println!("faces       {} persons enrolled with one photo each: {right} of {rest} others routed rightly, {wrong} wrongly", known.len());
    Ok(())
}

/// Python with what this is asked to run, and where `scripts/peers.sh` puts packages.
#[expect(clippy::disallowed_methods, reason = "a benchmark starts what it compares with")]
fn python(program: &Path) -> std::process::Command {
    let mut command = std::process::Command::new(program);
    command.args(["-W", "ignore"]).env("PYTHONPATH", peers().join("packages"));
    command
}

fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers")
}

/// Beside the Python package `face_recognition`: the same photos in the same run, one thread each.
async fn peer(models: &Path, photos: &[PathBuf]) -> Result<(), Trouble> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/face_recognition_photos.py");
    let programs = [peers().join("bin/python"), PathBuf::from("python3")];
    let has_it =
        |program: &&PathBuf| python(program).args(["-c", "import face_recognition"]).output().is_ok_and(|out| out.status.success());
    let Some(program) = programs.iter().find(has_it) else {
        println!("faces       skipped: face_recognition (make bench-peers installs it)");
        return Ok(());
    };
    let answered = python(program).arg(script).args(photos).output()?;
    let said = String::from_utf8_lossy(&answered.stdout);
    let figures: Vec<f64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [cpu_s, faces] = figures[..] else { return Err(String::from_utf8_lossy(&answered.stderr).into()) };
    let theirs = cpu_s / photos.len() as f64;
    println!("faces       face_recognition, test photos: {:.1} photos a CPU second ({faces} faces)", 1.0 / theirs);
    for finder in finders(models)? {
        round(&finder, &photos[..4], 1).await?;
        let (_, ours, faces) = round(&finder, photos, 1).await?;
        let name = finder.runtime();
        println!(
            "faces       {name:>4}, test photos: {:.1} photos a CPU second, {:.1} times theirs ({faces} faces)",
            1.0 / ours,
            theirs / ours
        );
    }
    Ok(())
}

/// What is seen in a photo and the memory that took; a picture of it with a frame around each face, for the eye.
async fn look(models: &Path, photo: &Path, png: Option<&Path>) -> Result<(), Trouble> {
    let finder = Finder::open(models, &Runtime::Auto(None), None)?;
    println!("{}: {} by {}, {} by {}", finder.model(), DETECTOR.file, DETECTOR.licence, EMBEDDER.file, EMBEDDER.licence);
    let seen = finder.look(photo, &Cancel::new()).await?;
    for face in &seen.faces {
        println!("{:?} {:?}, a crop of {} bytes", face.region, face.quality, face.crop.len());
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}×{} px; {}", seen.width, seen.height, status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
    png.map_or(Ok(()), |png| draw(&seen, photo, png))
}

fn draw(seen: &Seen, photo: &Path, png: &Path) -> Result<(), Trouble> {
    let mut picture = image::open(photo)?.into_rgb8();
    let thick = (seen.width / 300).max(2);
    for face in &seen.faces {
        let at = |share: f32, side: u32| (share * side as f32).max(0.0) as u32;
        let (left, top) = (at(face.region.x, seen.width), at(face.region.y, seen.height));
        let (wide, high) = (at(face.region.width, seen.width), at(face.region.height, seen.height));
        for (x, y) in (top..top + high).flat_map(|y| (left..left + wide).map(move |x| (x, y))) {
            let is_frame = x < left + thick || y < top + thick || x + thick >= left + wide || y + thick >= top + high;
            if is_frame && x < picture.width() && y < picture.height() {
                picture.put_pixel(x, y, Rgb([60, 255, 60]));
            }
        }
    }
    Ok(picture.save(png)?)
}

/// Processor seconds of this process, from `/proc`.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> =
        stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().map(|f| f.parse().unwrap_or(0.0)).collect();
    // utime and stime, in hundredths: the 14th and 15th field, of which two stand before the bracket.
    [11, 12].iter().filter_map(|at| fields.get(*at)).sum::<f64>() / 100.0
}
