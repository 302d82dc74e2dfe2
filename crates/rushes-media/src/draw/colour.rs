//! Colours and how light changes them: every base colour brings its own shade, light and line.
//!
//! What does not live here: which colours go together; see the palettes in `wardrobe`.

use tiny_skia::Color;

/// An sRGB colour, 8 bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rgb(pub u8, pub u8, pub u8);

impl Rgb {
    pub(crate) const WHITE: Self = Self(255, 255, 255);

    /// From `0xrrggbb`.
    #[must_use]
    pub(crate) const fn hex(value: u32) -> Self {
        Self((value >> 16) as u8, (value >> 8) as u8, value as u8)
    }

    /// `share` of the other colour, 0.0–1.0.
    #[must_use]
    pub(crate) fn mix(self, other: Self, share: f32) -> Self {
        let channel = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * share).round() as u8;
        Self(channel(self.0, other.0), channel(self.1, other.1), channel(self.2, other.2))
    }

    /// Each channel scaled, as under coloured light.
    #[must_use]
    pub(crate) fn lit(self, red: f32, green: f32, blue: f32) -> Self {
        let channel = |value: u8, factor: f32| (f32::from(value) * factor).clamp(0.0, 255.0) as u8;
        Self(channel(self.0, red), channel(self.1, green), channel(self.2, blue))
    }

    /// Perceived brightness, 0.0–1.0.
    #[must_use]
    pub(crate) fn brightness(self) -> f32 {
        (0.299 * f32::from(self.0) + 0.587 * f32::from(self.1) + 0.114 * f32::from(self.2)) / 255.0
    }

    /// How different two colours look, 0.0–1.0.
    #[must_use]
    pub(crate) fn distance(self, other: Self) -> f32 {
        let square = |a: u8, b: u8| (f32::from(a) - f32::from(b)).powi(2);
        ((square(self.0, other.0) * 0.3 + square(self.1, other.1) * 0.59 + square(self.2, other.2) * 0.11).sqrt()) / 255.0
    }

    pub(crate) fn alpha(self, alpha: f32) -> Color {
        let byte = (alpha.clamp(0.0, 1.0) * 255.0) as u8;
        Color::from_rgba8(self.0, self.1, self.2, byte)
    }
}

/// A surface's colours: what it is, in shadow, in the light, and the line around it; and whether it shows a weave when
/// looked at closely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tone {
    pub base: Rgb,
    pub shade: Rgb,
    pub light: Rgb,
    pub line: Rgb,
    pub woven: bool,
}

impl Tone {
    /// Cloth, hair and things: shadows turn cool, lights warm.
    #[must_use]
    pub(crate) fn of(base: Rgb) -> Self {
        let dark = base.brightness() < 0.22;
        let shade = if dark { base.lit(0.62, 0.60, 0.72) } else { base.lit(0.74, 0.68, 0.80) };
        let light = base.mix(Rgb(255, 246, 232), if dark { 0.16 } else { 0.34 });
        let line = base.lit(0.30, 0.26, 0.34).mix(Rgb(34, 22, 40), 0.45);
        Self { base, shade, light, line, woven: false }
    }

    /// Skin: shadows stay warm.
    #[must_use]
    pub(crate) fn skin(base: Rgb) -> Self {
        let shade = base.lit(0.90, 0.755, 0.725);
        let light = base.mix(Rgb(255, 244, 232), 0.45);
        let line = base.lit(0.46, 0.30, 0.28).mix(Rgb(60, 26, 30), 0.35);
        Self { base, shade, light, line, woven: false }
    }
}
