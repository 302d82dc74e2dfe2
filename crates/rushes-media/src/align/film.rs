//! The figure in a film's first frame: what moves over the film, and what the frame's own sides do not explain.

use super::mask::{Mask, Region, Small, Span, apart, beside, figure, small_size};
use super::sides::Sides;
use crate::probe::probe;
use crate::run::decode::{Pixels, decode_moments, decode_rgba_frame};
use image::RgbImage;
use rushes_core::{Cancel, Code, Fault};
use std::path::Path;
use std::time::Duration;

/// Frames over the film from which its background is taken.
const MOMENTS: u32 = 24;
/// Colours differ that are farther apart, 0–255: so much in clean films, so much in noisy ones.
const LEAST_DIFFERENCE: f32 = 10.0;
const MOST_DIFFERENCE: f32 = 20.0;
/// Where this share of what lies still differs from what the sides say, the sides say nothing.
const UNEXPLAINED: f64 = 0.3;
/// A figure has at least and at most this share of its frame, at least this height, and does not stand below it.
const SHARE: std::ops::RangeInclusive<f64> = 0.008..=0.6;
const LEAST_HEIGHT: f64 = 0.2;
const LOWEST: f64 = 0.995;
/// A figure of which a quarter is farther than this from its background stands out strongly.
const STRONG: f32 = 60.0;
/// Neighbours in light that fades differ by no more, 0–255.
const SMOOTH: f32 = 4.5;
/// On the floor, in the lowest quarter, pools of it have harder rims.
const SMOOTH_BELOW: f32 = 9.0;
/// A shadow leaves this much of the light at least.
const SHADOW: f32 = 0.55;

/// A film's first frame: its size, and where the figure in it is, if one is found.
pub(super) struct First {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) span: Option<Span>,
}

/// Looks at a film. Errors: `no_video`, those of decoding.
pub(super) fn first(film: &Path, cancel: &Cancel) -> Result<First, Fault> {
    let no_video = || Fault::new(Code::NoVideo, "align to reference").with("path", film.display());
    let video = probe(film, cancel)?.video.ok_or_else(no_video)?;
    let (width, height) = video.display_size();
    let size = small_size(width, height);
    let mut moments = Vec::new();
    decode_moments(film, MOMENTS, Some(size.0), cancel, &mut |frame| {
        moments.push(small(&frame, size));
        Ok(())
    })?;
    let first = small(&decode_rgba_frame(film, Duration::ZERO, cancel)?, size);
    Ok(First { width, height, span: find(&first, &moments) })
}

fn small(frame: &Pixels, size: (u32, u32)) -> Small {
    let rgb = frame.rgba.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
    Small::sized(&RgbImage::from_raw(frame.width, frame.height, rgb).unwrap_or_default(), size)
}

fn find(first: &Small, moments: &[Small]) -> Option<Span> {
    let (width, height) = (first.width, first.height);
    let median = median(first, moments);
    let moves = moves(&median, moments);
    let sides = Sides::of(first);
    let by_time: Vec<f32> = first.rgb.iter().zip(&median).map(|(now, usual)| apart(*now, *usual)).collect();
    let by_place: Vec<f32> = (0..first.rgb.len()).map(|at| sides.differs(first, at)).collect();
    // What the sides do over time, lights and noise, is not the figure.
    let noise = quantile((0..by_time.len()).filter(|at| sides.has(first, *at)).map(|at| by_time[at]), 0.75);
    let (place_limit, time_limit) = ((2.0 * noise).clamp(LEAST_DIFFERENCE, MOST_DIFFERENCE), MOST_DIFFERENCE.max(2.0 * noise));
    let still = moves.iter().map(|v| *v < MOST_DIFFERENCE);
    let (unexplained, all) = still
        .zip(&by_place)
        .filter(|(still, _)| *still)
        .fold((0.0, 1.0), |(unexplained, all), (_, apart)| (unexplained + f64::from(u8::from(*apart > place_limit)), all + 1.0));
    let explains = unexplained / all < UNEXPLAINED;
    // Where the figure usually is and is not now, the frame differs from usual, but shows what its sides show. A hand at the
    // very side is told by time alone.
    let (apart, limit): (Vec<f32>, f32) = if explains {
        let at_side = |at: usize| sides.has(first, at) && by_time[at] > time_limit;
        ((0..by_place.len()).map(|at| if at_side(at) { by_time[at] } else { by_place[at] }).collect(), place_limit)
    } else {
        (by_time, time_limit)
    };
    let raw = Mask::new(width, height, |at| apart[at] > limit).opened().closed();
    let motion = |region: &Region| region.pixels.iter().map(|at| 1.0 + f64::from(moves[*at].min(60.0))).sum::<f64>();
    let region = figure(&raw, motion)?;
    // A figure that stands out strongly has hard edges, where light has not; one that does not, stands out more than light.
    let usual = quantile(region.pixels.iter().map(|at| apart[*at]), 0.75);
    let is_light = |at: usize| at / width >= height * 3 / 4 || apart[at] < 0.6 * usual;
    let region = if usual >= STRONG {
        figure(&without_light(&raw, first, &is_light).opened().closed(), motion)?
    } else {
        without_pool(region, first, &apart)
    };
    let region = without_shadow(off_the_top(region, first, &apart, usual), first, &sides, &median, explains);
    let share = region.pixels.len() as f64 / first.rgb.len() as f64;
    let span = region.span(width, height);
    (SHARE.contains(&share) && span.height() >= LEAST_HEIGHT && span.bottom < LOWEST).then_some(span)
}

/// Pools and beams of light run smoothly into the background, which a figure does not; `may` says what can be light.
fn without_light(mask: &Mask, frame: &Small, may: &dyn Fn(usize) -> bool) -> Mask {
    let (width, height) = (frame.width, frame.height);
    let border = (0..width).flat_map(|x| [x, (height - 1) * width + x]).chain((0..height).flat_map(|y| [y * width, y * width + width - 1]));
    let mut outside = vec![false; mask.set.len()];
    let mut waiting: Vec<usize> = border.filter(|at| !mask.set[*at]).collect();
    waiting.iter().for_each(|at| outside[*at] = true);
    while let Some(at) = waiting.pop() {
        for next in beside(at, width, height) {
            let smooth = if 4 * next > 3 * mask.set.len() { SMOOTH_BELOW } else { SMOOTH };
            let is_light = may(next) && apart(frame.rgb[at], frame.rgb[next]) <= smooth;
            if !outside[next] && (!mask.set[next] || is_light) {
                outside[next] = true;
                waiting.push(next);
            }
        }
    }
    Mask::new(width, height, |at| mask.set[at] && !outside[at])
}

/// Light on the floor stands out less than the legs above it: in the lowest fifth only what stands out half as much stays.
fn without_pool(region: Region, frame: &Small, apart: &[f32]) -> Region {
    let tall = region.bottom - region.top;
    let row = |at: &usize| at / frame.width;
    let (knees, ankles) = (region.top + tall * 3 / 5, region.top + tall * 4 / 5);
    let legs = quantile(region.pixels.iter().filter(|at| (knees..ankles).contains(&row(at))).map(|at| apart[*at]), 0.75);
    rest(region, frame, |at| row(&at) < ankles || apart[at] >= 0.5 * legs)
}

/// Beams of light come from above, and one that the figure stands in hangs together with it. A figure that is cut off at the
/// top cannot be fitted anyway; so what stands out least goes, until the rest touches the top no more.
fn off_the_top(region: Region, frame: &Small, apart: &[f32], usual: f32) -> Region {
    if region.top > 0 {
        return region;
    }
    let lowest = (LEAST_HEIGHT * frame.height as f64) as usize;
    let limits = (4..=9).map(|tenths| usual * tenths as f32 / 10.0);
    let parts = limits.filter_map(|limit| {
        let mut mask = Mask::new(frame.width, frame.height, |_| false);
        region.pixels.iter().filter(|at| apart[**at] >= limit).for_each(|at| mask.set[*at] = true);
        figure(&mask.closed(), |part| part.pixels.len() as f64)
    });
    let free = parts.into_iter().find(|part| part.top > 0 && part.bottom - part.top >= lowest);
    // From its top down all of it stays: a hand may stand out less than the rest.
    match free.map(|part| part.top) {
        Some(top) => rest(region, frame, |at| at / frame.width >= top),
        None => region,
    }
}

/// What of a region is kept, as far as it hangs together; all of it where that is not most of it.
fn rest(region: Region, frame: &Small, keep: impl Fn(usize) -> bool) -> Region {
    let mut mask = Mask::new(frame.width, frame.height, |_| false);
    region.pixels.iter().filter(|at| keep(**at)).for_each(|at| mask.set[*at] = true);
    let left = figure(&mask, |region| region.pixels.len() as f64);
    left.filter(|left| 2 * left.pixels.len() > region.pixels.len()).unwrap_or(region)
}

/// Each pixel's usual colour over the film; of a film too short to say, the frame's own.
fn median(first: &Small, moments: &[Small]) -> Vec<[f32; 3]> {
    if moments.is_empty() {
        return first.rgb.clone();
    }
    let mut values = vec![0.0; moments.len()];
    (0..first.rgb.len())
        .map(|at| {
            std::array::from_fn(|channel| {
                values.iter_mut().zip(moments).for_each(|(value, moment)| *value = moment.rgb[at][channel]);
                values.sort_by(f32::total_cmp);
                values[values.len() / 2]
            })
        })
        .collect()
}

/// How far each pixel goes from its usual colour: the third farthest, so that a flash is no motion.
fn moves(median: &[[f32; 3]], moments: &[Small]) -> Vec<f32> {
    (0..median.len())
        .map(|at| {
            let mut far: Vec<f32> = moments.iter().map(|moment| apart(moment.rgb[at], median[at])).collect();
            far.sort_by(|a, b| b.total_cmp(a));
            far.get(2.min(far.len().saturating_sub(1))).copied().unwrap_or(0.0)
        })
        .collect()
}

fn quantile(values: impl Iterator<Item = f32>, share: f64) -> f32 {
    let mut sorted: Vec<f32> = values.collect();
    sorted.sort_by(f32::total_cmp);
    sorted.get(((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

/// The lowest rows of a figure are often the shadow it stands in: the background, only darker.
fn without_shadow(region: Region, frame: &Small, sides: &Sides, median: &[[f32; 3]], explains: bool) -> Region {
    let low = region.bottom - (region.bottom - region.top) / 10;
    let is_shadow = |at: usize| {
        let rgb = frame.rgb[at];
        let is_of = |ground: [f32; 3]| {
            let share = rgb.iter().sum::<f32>() / ground.iter().sum::<f32>().max(1.0);
            // What is as light as the ground is no shadow on it: it may be the figure itself, which was always there.
            (SHADOW..0.95).contains(&share) && apart(rgb, ground) > 8.0 && apart(rgb, ground.map(|v| v * share)) <= 10.0
        };
        if explains { is_of(sides.expected(frame, at)) } else { apart(rgb, median[at]) > MOST_DIFFERENCE && is_of(median[at]) }
    };
    rest(region, frame, |at| at / frame.width < low || !is_shadow(at))
}
