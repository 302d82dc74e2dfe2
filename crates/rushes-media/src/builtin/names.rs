//! Names for invented people: short, easy to say, of no real person.
//!
//! What does not live here: who gets which (`text`).

/// Given names.
pub(super) const GIVEN: &[&str] = &[
    "Aeri", "Alba", "Amiko", "Anselm", "Arlo", "Aurel", "Bela", "Brio", "Calla", "Caro", "Ciro", "Cosima", "Dario", "Davi", "Delia",
    "Eiko", "Elio", "Emi", "Enzo", "Esme", "Faye", "Fenn", "Flora", "Gia", "Hana", "Haru", "Ilan", "Ines", "Iona", "Ira", "Isla", "Ivo",
    "Jae", "Jora", "Juno", "Kaede", "Kai", "Kiri", "Koa", "Lara", "Leif", "Lio", "Livia", "Luca", "Lumi", "Mael", "Maren", "Mika", "Mina",
    "Mira", "Nael", "Naoki", "Nell", "Nico", "Nilo", "Noa", "Nuri", "Odile", "Oren", "Orla", "Pia", "Quinn", "Rafi", "Rei", "Remi", "Rin",
    "Rosa", "Rumi", "Sana", "Selin", "Sena", "Silas", "Soren", "Suri", "Tala", "Taro", "Teo", "Tova", "Uma", "Vela", "Veda", "Wren",
    "Yara", "Yori", "Yuna", "Zadie", "Zeno", "Zia", "Zora",
];

/// Family names.
pub(super) const FAMILY: &[&str] = &[
    "Adair", "Alder", "Amano", "Arden", "Ashby", "Aster", "Bayard", "Bellamy", "Birch", "Blume", "Brandt", "Calder", "Castell", "Corvin",
    "Dalton", "Daye", "Delmar", "Doran", "Eastlake", "Ellery", "Falk", "Fenwick", "Fiore", "Galen", "Greer", "Hale", "Halden", "Harrow",
    "Haven", "Hollis", "Ito", "Jansen", "Juniper", "Kessler", "Kirsch", "Lane", "Larkin", "Linden", "Lorne", "Lund", "Maro", "Marlow",
    "Merle", "Mori", "Nakata", "Noble", "Nordin", "Oakes", "Okada", "Osei", "Park", "Pell", "Perrin", "Quill", "Ramos", "Reyes", "Rivers",
    "Rosen", "Rowe", "Sable", "Sato", "Selwyn", "Solano", "Sterling", "Strand", "Sung", "Tanaka", "Thorne", "Tierney", "Vale", "Valen",
    "Vance", "Verne", "Vidal", "Wells", "Wilder", "Winter", "Yates", "Yoon", "Zeller",
];

/// How somebody is described in a word.
pub(super) const MANNER: &[&str] =
    &["bright", "calm", "witty", "warm", "bold", "dreamy", "focused", "playful", "quiet", "curious", "easy-going", "sharp"];

/// What somebody does, and where.
pub(super) const CALLING: &[&str] = &[
    "street dancer from a harbour town",
    "choreographer who sketches on trains",
    "singer of a late-night radio show",
    "drummer with a day job in a bakery",
    "photographer who never stands still",
    "skater turned stage performer",
    "record collector with perfect timing",
    "costume maker who dances the fittings",
    "dance teacher on a rooftop",
    "producer of bedroom pop",
    "gymnast who found the beat",
    "illustrator with a dance studio downstairs",
];
