//! The words of a look, in tables that both sides read: who writes concepts takes words from here, who draws finds
//! the rows by the same words.
//!
//! What does not live here: clothes (`wardrobe`) and the shapes behind the words (`hair`, `face`).

use super::colour::Rgb;

/// A word and its colour.
pub(crate) type Swatch = (&'static str, Rgb);

const fn swatch(word: &'static str, colour: u32) -> Swatch {
    (word, Rgb::hex(colour))
}

/// Hair colours, as in `teal hair`.
pub(crate) const HAIR_COLOURS: &[Swatch] = &[
    swatch("black", 0x2b2a35),
    swatch("dark brown", 0x4a3029),
    swatch("chestnut", 0x7a4630),
    swatch("auburn", 0x9c4a2e),
    swatch("honey blonde", 0xd9ab66),
    swatch("ash blonde", 0xcdbfa6),
    swatch("silver", 0xb9c0cc),
    swatch("teal", 0x2f8f93),
    swatch("navy", 0x324a80),
    swatch("lavender", 0xa591cf),
    swatch("rose", 0xd68a9c),
    swatch("burgundy", 0x7c2f45),
    swatch("copper", 0xc0693a),
    swatch("mint", 0x83bfa6),
    swatch("platinum", 0xe6dfd0),
    swatch("cherry", 0xb23a4e),
    swatch("forest", 0x3d6b52),
    swatch("peach", 0xe6a583),
];

/// Eye colours, as in `amber eyes`.
pub(crate) const EYE_COLOURS: &[Swatch] = &[
    swatch("amber", 0xc98526),
    swatch("brown", 0x7d4f2e),
    swatch("hazel", 0x8f7a3a),
    swatch("green", 0x4c8f5a),
    swatch("grey", 0x7a8797),
    swatch("blue", 0x3f78c2),
    swatch("violet", 0x7d5bb5),
    swatch("teal", 0x2f9a9a),
];

/// Skin tones, as in `tan skin`.
pub(crate) const SKINS: &[Swatch] = &[
    swatch("porcelain", 0xfbe3d6),
    swatch("fair", 0xf6d3be),
    swatch("light", 0xeec3a6),
    swatch("golden", 0xe0ac83),
    swatch("tan", 0xc98f66),
    swatch("bronze", 0xa9714d),
    swatch("brown", 0x905c41),
    swatch("deep", 0x724735),
];

/// What a body's build is called, and its measures in heads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Build {
    /// As in traits: `athletic build`.
    pub word: &'static str,
    /// Height in heads, sole to crown: 6.5–7.
    pub heads: f32,
    /// Shoulder joint to shoulder joint.
    pub shoulders: f32,
    /// Half width of chest, waist and hips.
    pub torso: [f32; 3],
    /// Thickness of limbs against the usual.
    pub limbs: f32,
    /// Half width of the neck.
    pub neck: f32,
    /// How angular the face is, 0.0–1.0.
    pub angular: f32,
}

/// Body builds.
#[rustfmt::skip]
pub(crate) const BUILDS: &[Build] = &[
    Build { word: "slender", heads: 6.75, shoulders: 1.20, torso: [0.44, 0.335, 0.475], limbs: 0.94, neck: 0.118, angular: 0.1 },
    Build { word: "graceful", heads: 6.9, shoulders: 1.24, torso: [0.45, 0.345, 0.50], limbs: 0.98, neck: 0.120, angular: 0.2 },
    Build { word: "petite", heads: 6.5, shoulders: 1.17, torso: [0.44, 0.35, 0.485], limbs: 0.98, neck: 0.118, angular: 0.0 },
    Build { word: "curvy", heads: 6.65, shoulders: 1.26, torso: [0.49, 0.40, 0.57], limbs: 1.12, neck: 0.126, angular: 0.1 },
    Build { word: "athletic", heads: 6.85, shoulders: 1.36, torso: [0.49, 0.40, 0.49], limbs: 1.08, neck: 0.138, angular: 0.5 },
    Build { word: "lean", heads: 7.0, shoulders: 1.42, torso: [0.49, 0.41, 0.455], limbs: 1.04, neck: 0.142, angular: 0.75 },
    Build { word: "broad-shouldered", heads: 6.9, shoulders: 1.56, torso: [0.56, 0.47, 0.49], limbs: 1.18, neck: 0.165, angular: 0.95 },
    Build { word: "sturdy", heads: 6.6, shoulders: 1.46, torso: [0.56, 0.52, 0.56], limbs: 1.24, neck: 0.160, angular: 0.7 },
];

/// The cut of the eyes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EyeShape {
    /// As in traits: `almond eyes`.
    pub word: &'static str,
    /// Half width and half height in heads.
    pub half: (f32, f32),
    /// Outer corner up (positive) or down, heads.
    pub tilt: f32,
    /// Weight of the upper lashes against the usual.
    pub lash: f32,
}

/// Eye shapes.
pub(crate) const EYE_SHAPES: &[EyeShape] = &[
    EyeShape { word: "round", half: (0.088, 0.074), tilt: 0.004, lash: 1.0 },
    EyeShape { word: "almond", half: (0.095, 0.062), tilt: 0.016, lash: 1.05 },
    EyeShape { word: "cat-like", half: (0.097, 0.060), tilt: 0.030, lash: 1.2 },
    EyeShape { word: "gentle", half: (0.092, 0.066), tilt: -0.012, lash: 0.95 },
    EyeShape { word: "narrow", half: (0.094, 0.048), tilt: 0.018, lash: 1.0 },
];

/// Small worn things, as in `round glasses`.
pub(crate) const ACCESSORIES: &[&str] = &[
    "no accessories",
    "round glasses",
    "hoop earrings",
    "star hairpin",
    "headset",
    "choker",
    "beret",
    "hair bow",
    "freckles",
    "beauty mark",
    "stud earrings",
    "headphones",
];

/// The row whose word the traits name, as a whole run of words: `teal hair` finds `teal`.
pub(crate) fn named<'a, T>(traits: &[String], rows: &'a [T], word: impl Fn(&T) -> &str, noun: &str) -> Option<&'a T> {
    rows.iter().filter(|row| traits.iter().any(|t| says(t, word(row), noun))).max_by_key(|row| word(row).len())
}

/// Whether a trait says `word`, together with `noun` unless the noun is empty. Case does not matter.
pub(crate) fn says(text: &str, word: &str, noun: &str) -> bool {
    let padded = format!(" {} ", text.to_lowercase().replace(|c: char| !c.is_alphanumeric() && c != '-', " "));
    padded.contains(&format!(" {word} ")) && (noun.is_empty() || padded.contains(&format!(" {noun}")))
}
