//! Who is drawn: the look of one character, from a concept's words and its seed.
//!
//! Words win, the seed decides the rest; adding words does not change what the seed decides elsewhere, because every
//! choice has its own stream of chance. What does not live here: the tables (`traits`, `haircuts`, `wardrobe`).

use super::colour::{Rgb, Tone};
use super::haircuts::{FRINGES, Fringe, HAIRCUTS, HairCut};
use super::rng::Dice;
use super::traits::{ACCESSORIES, BUILDS, Build, EYE_COLOURS, EYE_SHAPES, EyeShape, HAIR_COLOURS, SKINS, Swatch, named, says};
use super::wardrobe::{Cut, PALETTES, Palette, SIGNATURE, STAGE, SURF, Slot};
use rushes_core::provider::{Concept, Outfit};
use rushes_core::{Code, Fault};

/// The outfits every character has, besides what the concept describes.
pub(crate) const OUTFITS: &[(&str, &[Cut])] = &[("signature", SIGNATURE), ("kpop", STAGE), ("swimsuit", SURF)];

/// Everything about one character's look.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the field names are the sentence")]
pub struct CharacterSpec {
    pub name: String,
    pub seed: u64,
    pub build: Build,
    pub skin: Swatch,
    pub hair: &'static HairCut,
    pub fringe: &'static Fringe,
    pub hair_colour: Swatch,
    /// Ends of the hair in another colour, where the character dyes them.
    pub dip: Option<Rgb>,
    pub eyes: EyeShape,
    pub eye_colour: Swatch,
    pub face: FaceShape,
    pub palette: Palette,
    pub accessory: &'static str,
    /// Which side the parting, hairpin and such are on: 1 or −1.
    pub side: f32,
}

/// What makes a face its own, besides eyes and hair. All in heads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaceShape {
    /// Half width at the jaw.
    pub jaw: f32,
    /// Half width of the chin.
    pub chin: f32,
    /// Half distance of the eyes.
    pub eyes_apart: f32,
    /// Brow: thickness, height over the eye, slant.
    pub brow: (f32, f32, f32),
    /// Half width of the mouth.
    pub mouth: f32,
    /// Fullness of the lips, 0.0–1.0.
    pub lips: f32,
    /// Length of the nose mark.
    pub nose: f32,
}

impl CharacterSpec {
    /// Reads the concept's traits; what they do not name, its seed decides.
    #[must_use]
    pub fn from_concept(concept: &Concept) -> Self {
        let (traits, seed) = (concept.traits.as_slice(), concept.seed);
        let dice = |topic: &str| Dice::new(seed, topic);
        let build = *named(traits, BUILDS, |b| b.word, "build").unwrap_or_else(|| Dice::deal(seed, "build", BUILDS));
        let hair = named(traits, HAIRCUTS, |h| h.word, "").unwrap_or_else(|| pick_hair(seed, &build));
        let fringe = named(traits, FRINGES, |f| f.word, "").unwrap_or_else(|| &FRINGES[*dice("fringe").pick(hair.fringes)]);
        let hair_colour = *named(traits, HAIR_COLOURS, |c| c.0, "hair").unwrap_or_else(|| Dice::deal(seed, "hair colour", HAIR_COLOURS));
        let palette = *named(traits, PALETTES, |p| p.name, "palette").unwrap_or_else(|| pick_palette(seed, hair_colour.1));
        Self {
            name: concept.name.clone(),
            seed,
            build,
            skin: *named(traits, SKINS, |c| c.0, "skin").unwrap_or_else(|| Dice::deal(seed, "skin", SKINS)),
            hair,
            fringe,
            hair_colour,
            dip: dice("dip").chance(0.22).then_some(palette.accent),
            eyes: *named(traits, EYE_SHAPES, |e| e.word, "eyes").unwrap_or_else(|| Dice::deal(seed, "eye shape", EYE_SHAPES)),
            eye_colour: *named(traits, EYE_COLOURS, |c| c.0, "eyes").unwrap_or_else(|| Dice::deal(seed, "eye colour", EYE_COLOURS)),
            face: FaceShape::draw(&mut dice("face"), build.angular),
            palette,
            accessory: ACCESSORIES
                .iter()
                .find(|a| traits.iter().any(|t| says(t, a, "")))
                .unwrap_or_else(|| Dice::deal(seed, "accessory", ACCESSORIES)),
            side: if dice("side").chance(0.5) { 1.0 } else { -1.0 },
        }
    }

    /// The cut worn for an outfit's name.
    /// Errors: `input_invalid`, naming the outfits there are.
    pub fn cut(&self, outfit: &Outfit, traits: &[String]) -> Result<Cut, Fault> {
        let Some((name, cuts)) = OUTFITS.iter().find(|(name, _)| *name == outfit.0) else {
            let known: Vec<&str> = OUTFITS.iter().map(|(name, _)| *name).collect();
            return Err(Fault::new(Code::InputInvalid, "dress character")
                .with("outfit", &outfit.0)
                .because(format!("the outfits there are: {}", known.join(", "))));
        };
        let by_seed = Dice::deal(self.seed, name, cuts);
        Ok(*if *name == "signature" {
            named(traits, cuts, |c| c.name, "").unwrap_or_else(|| worn_words(traits).unwrap_or(by_seed))
        } else {
            by_seed
        })
    }

    /// The skin's colours.
    #[must_use]
    pub(crate) fn skin_tone(&self) -> Tone {
        Tone::skin(self.skin.1)
    }

    /// The hair's colours.
    #[must_use]
    pub(crate) fn hair_tone(&self) -> Tone {
        Tone::of(self.hair_colour.1)
    }

    /// A cloth's colours.
    #[must_use]
    pub(crate) fn cloth(&self, slot: Slot) -> Tone {
        let base = self.palette.get(slot, self.skin.1);
        if slot == Slot::Skin { Tone::skin(base) } else { Tone { woven: true, ..Tone::of(base) } }
    }
}

/// Loose words people use, and the cut they mean.
const WORN: &[(&str, &str)] = &[
    ("hoodie", "hoodie streetwear"),
    ("streetwear", "hoodie streetwear"),
    ("skirt", "pleated skirt"),
    ("jacket", "bomber jacket"),
    ("suit", "tailored suit"),
    ("coat", "long coat"),
    ("dress", "midi dress"),
    ("shorts", "varsity tee and shorts"),
    ("knit", "knit and wide trousers"),
    ("sweater", "knit and wide trousers"),
];

fn worn_words(traits: &[String]) -> Option<&'static Cut> {
    let (_, cut) = WORN.iter().find(|(word, _)| traits.iter().any(|t| says(t, word, "")))?;
    SIGNATURE.iter().find(|c| c.name == *cut)
}

/// Angular builds wear short cuts more often; nothing is barred.
fn pick_hair(seed: u64, build: &Build) -> &'static HairCut {
    let mut dice = Dice::new(seed, "hair");
    let short = [5usize, 10, 0, 9, 11];
    if dice.chance(build.angular * 0.7) { &HAIRCUTS[*dice.pick(&short)] } else { Dice::deal(seed, "hair", HAIRCUTS) }
}

/// A palette whose main colours are not the hair's, so that the figure reads.
fn pick_palette(seed: u64, hair: Rgb) -> &'static Palette {
    let mut dice = Dice::new(seed, "palette");
    let mut row = Dice::deal(seed, "palette", PALETTES);
    for _ in 0..6 {
        if row.main.distance(hair) > 0.16 {
            break;
        }
        row = dice.pick(PALETTES);
    }
    row
}

impl FaceShape {
    fn draw(dice: &mut Dice, angular: f32) -> Self {
        Self {
            jaw: dice.range(0.238, 0.286) + angular * 0.024,
            chin: dice.range(0.054, 0.090) + angular * 0.036,
            eyes_apart: dice.range(0.154, 0.178),
            brow: (dice.range(0.010, 0.018) + angular * 0.009, dice.range(0.100, 0.120) - angular * 0.014, dice.range(-0.008, 0.02)),
            mouth: dice.range(0.056, 0.090) + angular * 0.008,
            lips: dice.range(0.35, 1.0) * (1.0 - angular * 0.6),
            nose: dice.range(0.024, 0.056) + angular * 0.012,
        }
    }
}
