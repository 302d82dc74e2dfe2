//! Hair families and fringes as tables; a new cut is one row.
//!
//! Coordinates are the head's own: unit one head height, origin in the middle of the head, x to the right of the
//! picture, y down; crown −0.5, chin +0.5. What does not live here: drawing (`hair`) and swinging (`spring`).

/// A lock, tail or braid that hangs and swings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strand {
    /// Where it hangs from.
    pub anchor: (f32, f32),
    /// Where it leaves to, before gravity takes it.
    pub leave: (f32, f32),
    /// Length in heads.
    pub length: f32,
    /// Half width at its thickest, heads.
    pub half: f32,
    /// Waviness: sideways swing in heads.
    pub wave: f32,
    /// In front of shoulders and chest.
    pub front: bool,
    /// Plaited.
    pub braid: bool,
}

const fn lock(x: f32, y: f32, length: f32, half: f32) -> Strand {
    Strand { anchor: (x, y), leave: (x * 0.4, 0.3), length, half, wave: 0.0, front: false, braid: false }
}

impl Strand {
    const fn wavy(mut self, wave: f32) -> Self {
        self.wave = wave;
        self
    }
    const fn leaving(mut self, x: f32, y: f32) -> Self {
        self.leave = (x, y);
        self
    }
    const fn in_front(mut self) -> Self {
        self.front = true;
        self
    }
    const fn plaited(mut self) -> Self {
        self.braid = true;
        self
    }
}

/// The mass of hair behind the face: how wide and how far down (heads), and whether its end turns in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shell {
    /// Half width at the jaw.
    pub half: f32,
    /// Lowest point.
    pub bottom: f32,
    /// Fraction of the width at the bottom.
    pub taper: f32,
    /// Height above the skull.
    pub lift: f32,
    /// Bumps of a curly outline; 0 smooth.
    pub curls: usize,
}

/// A hair family.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HairCut {
    /// As in traits: `long wavy hair`.
    pub word: &'static str,
    /// Behind the face.
    pub shell: Shell,
    /// What swings.
    pub strands: &'static [Strand],
    /// Round knots on top: x, y, radius.
    pub buns: &'static [(f32, f32, f32)],
    /// Fringes that suit it, by index into [`FRINGES`].
    pub fringes: &'static [usize],
}

const CLOSE: Shell = Shell { half: 0.40, bottom: 0.16, taper: 0.82, lift: 0.07, curls: 0 };
const FULL: Shell = Shell { half: 0.46, bottom: 0.5, taper: 0.9, lift: 0.08, curls: 0 };

/// All hair families.
#[rustfmt::skip]
pub(crate) const HAIRCUTS: &[HairCut] = &[
    HairCut { word: "bob", shell: Shell { half: 0.47, bottom: 0.50, taper: 0.86, lift: 0.085, curls: 0 }, strands: &[], buns: &[], fringes: &[0, 1, 2] },
    HairCut {
        word: "long straight",
        shell: FULL,
        strands: &[lock(-0.30, 0.0, 2.3, 0.17), lock(0.30, 0.0, 2.3, 0.17), lock(-0.13, 0.05, 2.4, 0.18), lock(0.13, 0.05, 2.4, 0.18)],
        buns: &[],
        fringes: &[0, 1, 2, 3],
    },
    HairCut {
        word: "long wavy",
        shell: Shell { half: 0.48, bottom: 0.5, taper: 0.95, lift: 0.09, curls: 0 },
        strands: &[
            lock(-0.33, -0.02, 2.0, 0.185).wavy(0.055),
            lock(0.33, -0.02, 2.0, 0.185).wavy(-0.055),
            lock(-0.15, 0.05, 2.15, 0.19).wavy(0.05),
            lock(0.15, 0.05, 2.15, 0.19).wavy(-0.05),
        ],
        buns: &[],
        fringes: &[1, 2, 3],
    },
    HairCut {
        word: "twin tails",
        shell: CLOSE,
        strands: &[lock(-0.40, -0.30, 2.35, 0.17).leaving(-0.34, 0.08).wavy(0.04), lock(0.40, -0.30, 2.35, 0.17).leaving(0.34, 0.08).wavy(-0.04)],
        buns: &[],
        fringes: &[0, 1, 2],
    },
    HairCut { word: "ponytail", shell: CLOSE, strands: &[lock(0.16, -0.50, 2.2, 0.19).leaving(0.44, -0.16).wavy(-0.05)], buns: &[], fringes: &[1, 2, 3, 4] },
    HairCut { word: "short crop", shell: Shell { half: 0.385, bottom: 0.12, taper: 0.8, lift: 0.10, curls: 0 }, strands: &[], buns: &[], fringes: &[5, 6, 7] },
    HairCut { word: "bun", shell: CLOSE, strands: &[], buns: &[(0.04, -0.66, 0.19)], fringes: &[1, 2, 3, 4] },
    HairCut { word: "space buns", shell: CLOSE, strands: &[], buns: &[(-0.34, -0.52, 0.17), (0.34, -0.52, 0.17)], fringes: &[0, 1, 3] },
    HairCut { word: "side braid", shell: Shell { half: 0.43, bottom: 0.36, taper: 0.85, lift: 0.08, curls: 0 }, strands: &[lock(0.36, 0.26, 1.5, 0.105).leaving(0.02, 0.3).in_front().plaited()], buns: &[], fringes: &[1, 2, 3] },
    HairCut { word: "curly", shell: Shell { half: 0.53, bottom: 0.42, taper: 0.9, lift: 0.14, curls: 15 }, strands: &[], buns: &[], fringes: &[8] },
    HairCut { word: "undercut", shell: Shell { half: 0.365, bottom: 0.10, taper: 0.9, lift: 0.11, curls: 0 }, strands: &[], buns: &[], fringes: &[6, 7] },
    HairCut {
        word: "shoulder-length layered",
        shell: Shell { half: 0.46, bottom: 0.46, taper: 0.95, lift: 0.09, curls: 0 },
        strands: &[lock(-0.34, 0.1, 1.0, 0.15).wavy(0.05), lock(0.34, 0.1, 1.0, 0.15).wavy(-0.05), lock(-0.12, 0.1, 0.95, 0.16), lock(0.12, 0.1, 0.95, 0.16)],
        buns: &[],
        fringes: &[1, 2, 3],
    },
];

/// Front hair: the line of lock tips and partings over the forehead, from the right temple to the left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fringe {
    /// As in traits: `blunt fringe`.
    pub word: &'static str,
    /// Tips and valleys in turn, starting with a tip.
    pub line: &'static [(f32, f32)],
    /// How far down the side locks reach on the right and the left; below −0.2 there are none.
    pub sides: (f32, f32),
    /// Where the hair parts, for strand lines.
    pub part: f32,
    /// Curved like blown to one side: −1 to 1.
    pub sweep: f32,
}

/// All fringes.
#[rustfmt::skip]
pub(crate) const FRINGES: &[Fringe] = &[
    Fringe {
        word: "blunt fringe",
        line: &[(0.33, 0.0), (0.285, -0.06), (0.23, -0.005), (0.17, -0.075), (0.10, -0.012), (0.05, -0.08), (-0.02, -0.01), (-0.08, -0.08), (-0.14, -0.015), (-0.20, -0.075), (-0.25, -0.005), (-0.29, -0.06), (-0.335, 0.0)],
        sides: (0.42, 0.42),
        part: 0.0,
        sweep: 0.12,
    },
    Fringe {
        word: "swept fringe",
        line: &[(0.335, 0.04), (0.30, -0.09), (0.26, -0.02), (0.19, -0.15), (0.12, -0.03), (0.0, -0.17), (-0.10, -0.02), (-0.17, -0.12), (-0.23, 0.01), (-0.29, -0.08), (-0.335, 0.06)],
        sides: (0.36, 0.46),
        part: 0.17,
        sweep: 0.3,
    },
    Fringe {
        word: "parted fringe",
        line: &[(0.335, 0.10), (0.285, -0.05), (0.25, 0.0), (0.15, -0.20), (0.05, -0.30), (0.035, -0.315), (0.0, -0.29), (-0.13, -0.17), (-0.245, 0.0), (-0.285, -0.06), (-0.335, 0.10)],
        sides: (0.44, 0.44),
        part: 0.03,
        sweep: 0.0,
    },
    Fringe {
        word: "curtain fringe",
        line: &[(0.34, 0.16), (0.30, 0.0), (0.285, 0.04), (0.20, -0.15), (0.02, -0.36), (0.0, -0.37), (-0.02, -0.35), (-0.19, -0.15), (-0.285, 0.04), (-0.31, 0.0), (-0.34, 0.16)],
        sides: (0.30, 0.30),
        part: 0.0,
        sweep: 0.0,
    },
    Fringe { word: "swept-back hairline", line: &[(0.36, 0.04), (0.31, -0.16), (0.27, -0.21), (0.16, -0.30), (0.05, -0.325), (0.0, -0.33), (-0.08, -0.32), (-0.20, -0.27), (-0.29, -0.18), (-0.315, -0.12), (-0.36, 0.04)], sides: (0.26, -0.3), part: 0.22, sweep: 0.1 },
    Fringe {
        word: "tousled fringe",
        line: &[(0.345, 0.04), (0.30, -0.11), (0.25, -0.05), (0.20, -0.17), (0.14, -0.055), (0.07, -0.18), (-0.03, -0.04), (-0.09, -0.16), (-0.18, -0.05), (-0.23, -0.16), (-0.29, -0.06), (-0.31, -0.12), (-0.345, 0.05)],
        sides: (0.12, 0.12),
        part: 0.12,
        sweep: 0.35,
    },
    Fringe {
        word: "side quiff",
        line: &[(0.35, 0.0), (0.315, -0.16), (0.28, -0.12), (0.21, -0.27), (0.10, -0.30), (0.04, -0.315), (-0.04, -0.29), (-0.17, -0.22), (-0.27, -0.10), (-0.31, -0.15), (-0.35, 0.0)],
        sides: (0.08, 0.08),
        part: 0.24,
        sweep: -0.3,
    },
    Fringe {
        word: "textured fringe",
        line: &[(0.34, 0.0), (0.30, -0.14), (0.26, -0.08), (0.18, -0.20), (0.10, -0.10), (0.04, -0.19), (-0.06, -0.10), (-0.12, -0.19), (-0.22, -0.08), (-0.28, -0.15), (-0.34, 0.0)],
        sides: (0.06, 0.06),
        part: -0.14,
        sweep: -0.35,
    },
    Fringe {
        word: "curly fringe",
        line: &[(0.36, 0.06), (0.32, -0.06), (0.26, -0.045), (0.20, -0.12), (0.13, -0.07), (0.06, -0.14), (-0.02, -0.08), (-0.09, -0.15), (-0.16, -0.07), (-0.22, -0.12), (-0.28, -0.04), (-0.32, -0.07), (-0.36, 0.06)],
        sides: (0.24, 0.24),
        part: 0.0,
        sweep: 0.5,
    },
];
