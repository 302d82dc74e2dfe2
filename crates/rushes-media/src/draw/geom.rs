//! Points, splines and ribbons: the shapes everything is drawn from.
//!
//! A ribbon is a centre line with half widths; limbs, torsos, locks of hair, sleeves and trouser legs are all
//! ribbons, so shading and highlights are bands of the same ribbon and never need a clip.
//! What does not live here: colour and pixels.

use std::ops::{Add, Mul, Neg, Sub};
use tiny_skia::{Path, PathBuilder};

/// A point on the picture, in pixels unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct V2 {
    pub x: f32,
    pub y: f32,
}

/// Short for a point.
#[must_use]
pub(crate) const fn v2(x: f32, y: f32) -> V2 {
    V2 { x, y }
}

impl V2 {
    /// Length.
    #[must_use]
    pub(crate) fn len(self) -> f32 {
        self.x.hypot(self.y)
    }
    /// Same direction, length 1; the null vector points down.
    #[must_use]
    pub(crate) fn unit(self) -> Self {
        let len = self.len();
        if len < 1e-6 { v2(0.0, 1.0) } else { self * (1.0 / len) }
    }
    /// A quarter turn: for a downward line, to the left of the picture.
    #[must_use]
    pub(crate) fn left(self) -> Self {
        v2(-self.y, self.x)
    }
    /// `share` of the way to the other.
    #[must_use]
    pub(crate) fn lerp(self, other: Self, share: f32) -> Self {
        self + (other - self) * share
    }
    /// Turned by radians, clockwise on the picture.
    #[must_use]
    pub(crate) fn turned(self, angle: f32) -> Self {
        let (sin, cos) = angle.sin_cos();
        v2(self.x * cos - self.y * sin, self.x * sin + self.y * cos)
    }
}

impl Add for V2 {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        v2(self.x + o.x, self.y + o.y)
    }
}
impl Sub for V2 {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        v2(self.x - o.x, self.y - o.y)
    }
}
impl Mul<f32> for V2 {
    type Output = Self;
    fn mul(self, k: f32) -> Self {
        v2(self.x * k, self.y * k)
    }
}
impl Neg for V2 {
    type Output = Self;
    fn neg(self) -> Self {
        v2(-self.x, -self.y)
    }
}

/// A point in the scene, in heads: x to the right of the picture, y down, z towards the viewer.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct V3 {
    pub x: f32,
    pub y: f32,
    pub z: f32,
}

/// Short for a scene point.
#[must_use]
pub(crate) const fn v3(x: f32, y: f32, z: f32) -> V3 {
    V3 { x, y, z }
}

impl V3 {
    /// Length.
    #[must_use]
    pub(crate) fn len(self) -> f32 {
        self.dot(self).sqrt()
    }
    /// Inner product.
    #[must_use]
    pub(crate) fn dot(self, o: Self) -> f32 {
        self.x * o.x + self.y * o.y + self.z * o.z
    }
    /// Same direction, length 1; the null vector points down.
    #[must_use]
    pub(crate) fn unit(self) -> Self {
        let len = self.len();
        if len < 1e-6 { v3(0.0, 1.0, 0.0) } else { self * (1.0 / len) }
    }
    /// `share` of the way to the other.
    #[must_use]
    pub(crate) fn lerp(self, other: Self, share: f32) -> Self {
        self + (other - self) * share
    }
    /// The mirror image.
    #[must_use]
    pub(crate) const fn flipped(self) -> Self {
        v3(-self.x, self.y, self.z)
    }
    /// Turned about the vertical: positive yaw looks to the right of the picture.
    #[must_use]
    pub(crate) fn yawed(self, yaw: f32) -> Self {
        let (sin, cos) = yaw.sin_cos();
        v3(self.x * cos + self.z * sin, self.y, self.z * cos - self.x * sin)
    }
    /// Leaned sideways: positive roll tips to the right of the picture.
    #[must_use]
    pub(crate) fn rolled(self, roll: f32) -> Self {
        let (sin, cos) = roll.sin_cos();
        v3(self.x * cos - self.y * sin, self.x * sin + self.y * cos, self.z)
    }
}

impl Add for V3 {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        v3(self.x + o.x, self.y + o.y, self.z + o.z)
    }
}
impl Sub for V3 {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        v3(self.x - o.x, self.y - o.y, self.z - o.z)
    }
}
impl Mul<f32> for V3 {
    type Output = Self;
    fn mul(self, k: f32) -> Self {
        v3(self.x * k, self.y * k, self.z * k)
    }
}

/// A spline's node: the curve runs smoothly through it, or breaks there.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Node {
    Smooth(V2),
    Corner(V2),
}

impl Node {
    pub(crate) fn at(self) -> V2 {
        match self {
            Self::Smooth(p) | Self::Corner(p) => p,
        }
    }
}

/// A smooth node.
pub(crate) const fn s(x: f32, y: f32) -> Node {
    Node::Smooth(v2(x, y))
}

/// A corner node.
pub(crate) const fn c(x: f32, y: f32) -> Node {
    Node::Corner(v2(x, y))
}

/// An empty path would mean a shape without points, which no caller builds; a dot keeps the type simple.
fn finish(builder: PathBuilder) -> Path {
    builder.finish().unwrap_or_else(|| {
        let mut dot = PathBuilder::new();
        dot.push_circle(-9.0, -9.0, 0.01);
        dot.finish().expect("a circle is a path")
    })
}

/// A curve through the nodes (Catmull–Rom), its points moved by `map` first.
pub(crate) fn spline(nodes: &[Node], closed: bool, map: impl Fn(V2) -> V2) -> Path {
    let points: Vec<V2> = nodes.iter().map(|n| map(n.at())).collect();
    let count = points.len();
    let wrap = |i: isize| -> usize { if closed { i.rem_euclid(count as isize) as usize } else { i.clamp(0, count as isize - 1) as usize } };
    let tangent = |i: usize, other: usize| match nodes[i] {
        Node::Smooth(_) => (points[wrap(i as isize + 1)] - points[wrap(i as isize - 1)]) * 0.5,
        Node::Corner(_) => (points[wrap(i as isize + 1)] - points[wrap(i as isize - 1)]) * 0.0 + (points[other] - points[i]) * 0.6,
    };
    let mut builder = PathBuilder::new();
    if let Some(first) = points.first() {
        builder.move_to(first.x, first.y);
    }
    let segments = if closed { count } else { count.saturating_sub(1) };
    for i in 0..segments {
        let j = wrap(i as isize + 1);
        let mut leave = tangent(i, j);
        let mut arrive = tangent(j, i);
        if matches!(nodes[i], Node::Corner(_)) {
            leave = points[j] - points[i];
        }
        if matches!(nodes[j], Node::Corner(_)) {
            arrive = points[j] - points[i];
        }
        let (c1, c2) = (points[i] + leave * (1.0 / 3.0), points[j] - arrive * (1.0 / 3.0));
        builder.cubic_to(c1.x, c1.y, c2.x, c2.y, points[j].x, points[j].y);
    }
    if closed {
        builder.close();
    }
    finish(builder)
}

/// A smooth closed curve through points.
pub(crate) fn blob(points: &[V2]) -> Path {
    let nodes: Vec<Node> = points.iter().map(|p| Node::Smooth(*p)).collect();
    spline(&nodes, true, |p| p)
}

/// A smooth open curve through points.
pub(crate) fn curve(points: &[V2]) -> Path {
    let nodes: Vec<Node> = points.iter().map(|p| Node::Smooth(*p)).collect();
    spline(&nodes, false, |p| p)
}

/// Straight lines between points, closed.
pub(crate) fn polygon(points: &[V2]) -> Path {
    let mut builder = PathBuilder::new();
    for (i, p) in points.iter().enumerate() {
        if i == 0 { builder.move_to(p.x, p.y) } else { builder.line_to(p.x, p.y) }
    }
    builder.close();
    finish(builder)
}

/// An ellipse, turned by radians.
pub(crate) fn ellipse(centre: V2, half: V2, angle: f32) -> Path {
    let points: Vec<V2> = (0..8)
        .map(|i| {
            let a = i as f32 * std::f32::consts::FRAC_PI_4;
            centre + v2(a.cos() * half.x, a.sin() * half.y).turned(angle)
        })
        .collect();
    blob(&points)
}

/// A star with `points` tips.
pub(crate) fn star(centre: V2, radius: f32, points: usize, angle: f32) -> Path {
    let corners: Vec<V2> = (0..points * 2)
        .map(|i| {
            let reach = if i % 2 == 0 { radius } else { radius * 0.46 };
            let a = angle + i as f32 * std::f32::consts::PI / points as f32;
            centre + v2(a.sin(), -a.cos()) * reach
        })
        .collect();
    polygon(&corners)
}

/// A centre line with half widths; see the module.
#[derive(Debug, Clone)]
pub(crate) struct Ribbon {
    pub(crate) centre: Vec<V2>,
    pub(crate) half: Vec<f32>,
}

impl Ribbon {
    pub(crate) fn new(centre: Vec<V2>, half: Vec<f32>) -> Self {
        debug_assert_eq!(centre.len(), half.len(), "one half width per station");
        Self { centre, half }
    }

    /// A straight bone with half widths at evenly spaced stations, bowed sideways by `bow` pixels in its middle.
    pub(crate) fn bone(from: V2, to: V2, profile: &[f32], bow: f32) -> Self {
        let side = (to - from).unit().left();
        let last = (profile.len() - 1) as f32;
        let centre = (0..profile.len())
            .map(|i| {
                let t = i as f32 / last;
                from.lerp(to, t) + side * (bow * (t * (1.0 - t)) * 4.0)
            })
            .collect();
        Self::new(centre, profile.to_vec())
    }

    /// The same shape, larger by so many pixels all round: a cheap outline.
    pub(crate) fn grown(&self, by: f32) -> Self {
        let last = self.centre.len() - 1;
        let mut made = self.wider(1.0, by);
        made.centre[0] = self.centre[0] + (self.centre[0] - self.centre[1]).unit() * by;
        made.centre[last] = self.centre[last] + (self.centre[last] - self.centre[last - 1]).unit() * by;
        made
    }

    fn side(&self, i: usize) -> V2 {
        let last = self.centre.len() - 1;
        (self.centre[(i + 1).min(last)] - self.centre[i.saturating_sub(1)]).unit().left()
    }

    /// A point: station as a fraction of the length, `across` −1 (picture right of a downward line) to 1 (left).
    pub(crate) fn at(&self, along: f32, across: f32) -> V2 {
        let last = self.centre.len() - 1;
        let place = along.clamp(0.0, 1.0) * last as f32;
        let i = (place as usize).min(last.saturating_sub(1));
        let t = place - i as f32;
        let centre = self.centre[i].lerp(self.centre[i + 1], t);
        let half = self.half[i] + (self.half[i + 1] - self.half[i]) * t;
        let side = (self.side(i) * (1.0 - t) + self.side(i + 1) * t).unit();
        centre + side * (half * across)
    }

    /// The part between two stations (fractions of the length).
    pub(crate) fn part(&self, from: f32, to: f32) -> Self {
        const STATIONS: usize = 11;
        let last = self.centre.len() - 1;
        let (mut centre, mut half) = (Vec::with_capacity(STATIONS), Vec::with_capacity(STATIONS));
        for k in 0..STATIONS {
            let along = from + (to - from) * k as f32 / (STATIONS - 1) as f32;
            centre.push(self.at(along, 0.0));
            let place = along.clamp(0.0, 1.0) * last as f32;
            let i = (place as usize).min(last - 1);
            half.push(self.half[i] + (self.half[i + 1] - self.half[i]) * (place - i as f32));
        }
        Self::new(centre, half)
    }

    /// The same line, wider by `factor` and `extra` pixels.
    pub(crate) fn wider(&self, factor: f32, extra: f32) -> Self {
        Self::new(self.centre.clone(), self.half.iter().map(|h| h * factor + extra).collect())
    }

    /// The band between two lateral places (−1 to 1), with flat ends.
    pub(crate) fn band(&self, from: f32, to: f32) -> Path {
        let count = self.centre.len();
        let mut nodes = Vec::with_capacity(count * 2);
        let edge = |i: usize, across: f32| self.centre[i] + self.side(i) * (self.half[i] * across);
        let ends = |i: usize, p: V2| if i == 0 || i == count - 1 { Node::Corner(p) } else { Node::Smooth(p) };
        nodes.extend((0..count).map(|i| ends(i, edge(i, from))));
        nodes.extend((0..count).rev().map(|i| ends(i, edge(i, to))));
        spline(&nodes, true, |p| p)
    }

    /// The whole shape, flat ends.
    pub(crate) fn whole(&self) -> Path {
        self.band(-1.0, 1.0)
    }

    /// The whole shape with a round start and a flat end: sleeves and limbs.
    pub(crate) fn capped(&self) -> Path {
        let count = self.centre.len();
        let edge = |i: usize, across: f32| self.centre[i] + self.side(i) * (self.half[i] * across);
        let head = (self.centre[0] - self.centre[1]).unit() * (self.half[0] * 0.8);
        let ends = |i: usize, p: V2| if i == count - 1 { Node::Corner(p) } else { Node::Smooth(p) };
        let mut nodes: Vec<Node> = (0..count).map(|i| ends(i, edge(i, -1.0))).collect();
        nodes.extend((0..count).rev().map(|i| ends(i, edge(i, 1.0))));
        nodes.push(Node::Smooth(self.centre[0] + head));
        spline(&nodes, true, |p| p)
    }

    /// The whole shape with a round start and end.
    pub(crate) fn rounded(&self) -> Path {
        let count = self.centre.len();
        let edge = |i: usize, across: f32| self.centre[i] + self.side(i) * (self.half[i] * across);
        let mut nodes = Vec::with_capacity(count * 2 + 2);
        let head = (self.centre[0] - self.centre[1]).unit() * (self.half[0] * 0.8);
        let tail = (self.centre[count - 1] - self.centre[count - 2]).unit() * (self.half[count - 1] * 0.8);
        nodes.extend((0..count).map(|i| Node::Smooth(edge(i, -1.0))));
        nodes.push(Node::Smooth(self.centre[count - 1] + tail));
        nodes.extend((0..count).rev().map(|i| Node::Smooth(edge(i, 1.0))));
        nodes.push(Node::Smooth(self.centre[0] + head));
        spline(&nodes, true, |p| p)
    }
}
