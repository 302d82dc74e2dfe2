//! The wardrobe: palettes and outfits as tables. A new outfit, cut or palette is one row.
//!
//! What does not live here: how a garment is drawn (`garments`), who wears it (`spec`).

use super::colour::Rgb;

/// Colours that go together, chosen by eye; each outfit takes its parts from the slots.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Palette {
    pub name: &'static str,
    pub main: Rgb,
    pub second: Rgb,
    pub accent: Rgb,
    pub dark: Rgb,
    pub light: Rgb,
}

const fn palette(name: &'static str, main: u32, second: u32, accent: u32, dark: u32, light: u32) -> Palette {
    Palette { name, main: Rgb::hex(main), second: Rgb::hex(second), accent: Rgb::hex(accent), dark: Rgb::hex(dark), light: Rgb::hex(light) }
}

/// What clothes are coloured with.
#[rustfmt::skip]
pub(crate) const PALETTES: &[Palette] = &[
    palette("midnight", 0x2c3a64, 0x8fa6cf, 0xf2c14e, 0x1d2238, 0xf4f1ea),
    palette("rosewood", 0x8c3b4a, 0xe6c2b4, 0xd9a441, 0x33202a, 0xfaf0e6),
    palette("sage", 0x6f8f7a, 0xd8d2b8, 0xc96f4a, 0x2d3b36, 0xf6f2e6),
    palette("lagoon", 0x2f7f8b, 0xbfe0da, 0xf29f7c, 0x1f3540, 0xf5f7f2),
    palette("plum", 0x61407a, 0xc9b3d9, 0xf0b35c, 0x2a1f38, 0xf6f0f7),
    palette("ember", 0xc2563b, 0xf0d2a8, 0x3b5b7a, 0x32262a, 0xfbf3e7),
    palette("ink", 0x33363f, 0x9aa0aa, 0xd84f5f, 0x1c1d24, 0xf3f3f1),
    palette("petal", 0xe09bad, 0xf7dfe1, 0x7a6fae, 0x4a3850, 0xfdf7f5),
    palette("meadow", 0xa9b85c, 0xe9e6c3, 0x5f7fa8, 0x38412f, 0xfaf8ec),
    palette("cobalt", 0x3f63b5, 0xc3d3ee, 0xef7f63, 0x222a45, 0xf5f6fa),
    palette("sand", 0xc2a079, 0xefe2cb, 0x4f7f86, 0x47382e, 0xfbf6ec),
    palette("mint", 0x86c5b0, 0xe3f1e6, 0xe58a96, 0x32484a, 0xf9fbf6),
    palette("wine", 0x6d2740, 0xb9a6a8, 0xd7b46a, 0x2a161f, 0xf4ece6),
    palette("sky", 0x86afd9, 0xe4eef7, 0xf0b24c, 0x35435f, 0xfafbfd),
    palette("mustard", 0xd3a13b, 0xf1e0b5, 0x4a5c83, 0x3a3230, 0xfbf6e8),
    palette("orchid", 0xb275b8, 0xead5ec, 0x4fa3a0, 0x40294a, 0xfbf5fb),
];

/// Which of the palette's colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    Main,
    Second,
    Accent,
    Dark,
    Light,
    Skin,
}

impl Palette {
    /// The slot's colour; `Skin` is the wearer's.
    #[must_use]
    pub(crate) fn get(&self, slot: Slot, skin: Rgb) -> Rgb {
        match slot {
            Slot::Main => self.main,
            Slot::Second => self.second,
            Slot::Accent => self.accent,
            Slot::Dark => self.dark,
            Slot::Light => self.light,
            Slot::Skin => skin,
        }
    }
}

/// What closes or crowns a top at the neck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Neck {
    Crew,
    Vee,
    Turtle,
    Shirt,
    Tie,
    Ribbon,
    Hood,
    Zip,
}

/// What is worn over the top, open at the front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    None,
    Bomber,
    Blazer,
    Coat,
    Cardigan,
    StageJacket,
}

/// Below the waist.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Bottom {
    /// Half widths at knee and hem, heads.
    Trousers { knee: f32, hem: f32 },
    /// To mid thigh.
    Shorts,
    /// Length in heads below the waist, width of the hem, pleats.
    Skirt { length: f32, flare: f32, pleats: usize },
    /// The suit goes on over the legs.
    Suit,
}

/// On the feet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shoes {
    Sneakers,
    HighTops,
    Boots,
    Loafers,
    Slippers,
}

/// One outfit: cut and which colours go where.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cut {
    /// As in traits: `streetwear`.
    pub name: &'static str,
    /// Sleeve length in arm bones: 0 none, 1 to the elbow, 2 to the wrist.
    pub sleeve: f32,
    /// Sleeve width against the arm.
    pub fullness: f32,
    /// The top, its sleeves (or the jacket's) and its collar.
    pub(crate) top: (Slot, Neck),
    /// What is over it.
    pub(crate) over: (Slot, Over),
    /// Sleeve colour.
    pub arms: Slot,
    /// Cuffs, hems, belts.
    pub trim: Slot,
    /// Below the waist.
    pub(crate) bottom: (Slot, Bottom),
    /// Tights or socks: colour and how far up the leg, in leg bones (0 none, 2 the whole leg).
    pub legs: (Slot, f32),
    /// On the feet.
    pub(crate) shoes: (Slot, Shoes),
    /// Small things: stripes, pockets, sequins.
    pub marks: &'static [Mark],
}

/// Small things on clothes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    ChestStripe,
    Star,
    Buttons,
    Pocket,
    Belt,
    SleeveStripes,
    Sequins,
    Panels,
    Sash,
    SideStripe,
}

const SLIM: Bottom = Bottom::Trousers { knee: 0.172, hem: 0.122 };
const STRAIGHT: Bottom = Bottom::Trousers { knee: 0.205, hem: 0.182 };
const WIDE: Bottom = Bottom::Trousers { knee: 0.232, hem: 0.258 };
const PLEATED: Bottom = Bottom::Skirt { length: 1.32, flare: 1.5, pleats: 11 };
const MIDI: Bottom = Bottom::Skirt { length: 2.15, flare: 1.55, pleats: 6 };

/// Everyday outfits; a concept names one of them.
#[rustfmt::skip]
pub(crate) const SIGNATURE: &[Cut] = &[
    Cut { name: "bomber jacket", sleeve: 1.95, fullness: 1.62, top: (Slot::Light, Neck::Crew), over: (Slot::Main, Over::Bomber), arms: Slot::Main, trim: Slot::Dark, bottom: (Slot::Dark, SLIM), legs: (Slot::Dark, 0.0), shoes: (Slot::Light, Shoes::Sneakers), marks: &[Mark::Star, Mark::SleeveStripes] },
    Cut { name: "pleated skirt", sleeve: 1.9, fullness: 1.4, top: (Slot::Light, Neck::Ribbon), over: (Slot::Second, Over::Cardigan), arms: Slot::Second, trim: Slot::Accent, bottom: (Slot::Main, PLEATED), legs: (Slot::Dark, 2.0), shoes: (Slot::Dark, Shoes::Loafers), marks: &[Mark::Buttons] },
    Cut { name: "hoodie streetwear", sleeve: 1.95, fullness: 1.75, top: (Slot::Main, Neck::Hood), over: (Slot::Main, Over::None), arms: Slot::Main, trim: Slot::Accent, bottom: (Slot::Dark, WIDE), legs: (Slot::Dark, 0.0), shoes: (Slot::Accent, Shoes::HighTops), marks: &[Mark::ChestStripe, Mark::Pocket] },
    Cut { name: "tailored suit", sleeve: 1.92, fullness: 1.42, top: (Slot::Light, Neck::Tie), over: (Slot::Main, Over::Blazer), arms: Slot::Main, trim: Slot::Accent, bottom: (Slot::Main, STRAIGHT), legs: (Slot::Dark, 0.0), shoes: (Slot::Dark, Shoes::Loafers), marks: &[Mark::Pocket, Mark::Belt] },
    Cut { name: "long coat", sleeve: 1.95, fullness: 1.5, top: (Slot::Dark, Neck::Turtle), over: (Slot::Main, Over::Coat), arms: Slot::Main, trim: Slot::Second, bottom: (Slot::Dark, SLIM), legs: (Slot::Dark, 0.0), shoes: (Slot::Dark, Shoes::Boots), marks: &[Mark::Belt] },
    Cut { name: "knit and wide trousers", sleeve: 1.8, fullness: 1.7, top: (Slot::Second, Neck::Turtle), over: (Slot::Second, Over::None), arms: Slot::Second, trim: Slot::Light, bottom: (Slot::Main, WIDE), legs: (Slot::Dark, 0.0), shoes: (Slot::Light, Shoes::Sneakers), marks: &[Mark::Belt] },
    Cut { name: "midi dress", sleeve: 0.75, fullness: 1.65, top: (Slot::Main, Neck::Vee), over: (Slot::Main, Over::None), arms: Slot::Main, trim: Slot::Light, bottom: (Slot::Main, MIDI), legs: (Slot::Dark, 0.0), shoes: (Slot::Dark, Shoes::Boots), marks: &[Mark::Belt, Mark::Buttons] },
    Cut { name: "varsity tee and shorts", sleeve: 0.72, fullness: 1.75, top: (Slot::Light, Neck::Crew), over: (Slot::Light, Over::None), arms: Slot::Main, trim: Slot::Accent, bottom: (Slot::Main, Bottom::Shorts), legs: (Slot::Dark, 2.0), shoes: (Slot::Accent, Shoes::HighTops), marks: &[Mark::ChestStripe, Mark::SideStripe] },
];

/// Stage outfits (`kpop`).
#[rustfmt::skip]
pub(crate) const STAGE: &[Cut] = &[
    Cut { name: "stage jacket and skirt", sleeve: 1.9, fullness: 1.42, top: (Slot::Light, Neck::Vee), over: (Slot::Main, Over::StageJacket), arms: Slot::Main, trim: Slot::Accent, bottom: (Slot::Dark, PLEATED), legs: (Slot::Dark, 2.0), shoes: (Slot::Dark, Shoes::Boots), marks: &[Mark::Sequins, Mark::Belt] },
    Cut { name: "stage suit", sleeve: 1.92, fullness: 1.4, top: (Slot::Dark, Neck::Shirt), over: (Slot::Light, Over::StageJacket), arms: Slot::Light, trim: Slot::Accent, bottom: (Slot::Light, SLIM), legs: (Slot::Dark, 0.0), shoes: (Slot::Light, Shoes::Boots), marks: &[Mark::Sequins, Mark::SideStripe] },
    Cut { name: "stage dress", sleeve: 0.5, fullness: 1.9, top: (Slot::Main, Neck::Turtle), over: (Slot::Main, Over::None), arms: Slot::Second, trim: Slot::Accent, bottom: (Slot::Main, Bottom::Skirt { length: 1.5, flare: 1.85, pleats: 9 }), legs: (Slot::Dark, 2.0), shoes: (Slot::Accent, Shoes::Boots), marks: &[Mark::Sequins, Mark::Sash, Mark::Belt] },
    Cut { name: "stage street", sleeve: 1.92, fullness: 1.7, top: (Slot::Dark, Neck::Crew), over: (Slot::Accent, Over::Bomber), arms: Slot::Accent, trim: Slot::Dark, bottom: (Slot::Dark, WIDE), legs: (Slot::Dark, 0.0), shoes: (Slot::Light, Shoes::HighTops), marks: &[Mark::Sequins, Mark::SideStripe, Mark::SleeveStripes] },
];

/// Sporty full surf suits (`swimsuit`): neck to ankle.
#[rustfmt::skip]
pub(crate) const SURF: &[Cut] = &[
    Cut { name: "surf suit", sleeve: 1.96, fullness: 1.1, top: (Slot::Dark, Neck::Zip), over: (Slot::Dark, Over::None), arms: Slot::Main, trim: Slot::Accent, bottom: (Slot::Dark, Bottom::Suit), legs: (Slot::Dark, 2.0), shoes: (Slot::Dark, Shoes::Slippers), marks: &[Mark::Panels, Mark::SideStripe] },
    Cut { name: "two-tone surf suit", sleeve: 1.96, fullness: 1.1, top: (Slot::Main, Neck::Zip), over: (Slot::Main, Over::None), arms: Slot::Dark, trim: Slot::Light, bottom: (Slot::Dark, Bottom::Suit), legs: (Slot::Dark, 2.0), shoes: (Slot::Dark, Shoes::Slippers), marks: &[Mark::Panels, Mark::ChestStripe] },
];
