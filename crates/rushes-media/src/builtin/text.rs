//! The built-in writer: invents a character's name, line, traits and prompt from a seed.
//!
//! Its traits are words of the same tables the drawing reads, so the words and the pictures are of one person.
//! What does not live here: the name tables (`names`) and the look (`crate::draw::spec`).

use super::names::{CALLING, FAMILY, GIVEN, MANNER};
use crate::draw::CharacterSpec;
use crate::draw::rng::Dice;
use rushes_core::Fault;
use rushes_core::flow::Lane;
use rushes_core::provider::{Call, Concept, ConceptRequest, Outfit, Provider, ProviderCard};

/// Invents characters on this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct BuiltinText;

#[async_trait::async_trait]
impl Provider<ConceptRequest> for BuiltinText {
    fn card(&self) -> ProviderCard {
        ProviderCard { name: "builtin", model: "rushes-draw", version: 2, lane: Lane::Cpu }
    }

    async fn make(&self, request: &ConceptRequest, _call: &Call) -> Result<Concept, Fault> {
        Ok(invent(request))
    }
}

/// Equal seeds and draws give equal concepts; another draw keeps the look and changes the name.
fn invent(request: &ConceptRequest) -> Concept {
    let mut names = Dice::new(request.seed.wrapping_add(u64::from(request.draw).wrapping_mul(0x9e37_79b9)), "name");
    let drawn = format!("{} {}", names.pick(GIVEN), names.pick(FAMILY));
    let name = request.name.clone().unwrap_or(drawn);
    let mut words = Dice::new(request.seed, "words");
    let (manner, calling) = (*words.pick(MANNER), *words.pick(CALLING));
    let mut concept = Concept {
        tagline: format!("{}, {} {calling}", name.split(' ').next().unwrap_or(&name), article(manner)),
        name,
        // What is wished for is said first, and words win over the seed.
        traits: request.wish.as_deref().map(wished).unwrap_or_default(),
        prompt: String::new(),
        seed: request.seed,
        style: request.style.clone(),
    };
    let wished = std::mem::take(&mut concept.traits);
    let drawn = traits(&Concept { traits: wished.clone(), ..concept.clone() });
    concept.traits = wished;
    concept.traits.extend(drawn);
    concept.traits.dedup();
    concept.prompt = format!(
        "Original adult character, {} performer, fully clothed, full figure, neutral pose: {}",
        request.style.replace('_', " "),
        concept.traits.join(", ")
    );
    concept
}

/// The parts of a wish, as traits.
fn wished(wish: &str) -> Vec<String> {
    wish.split([',', ';', '\n']).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn article(word: &str) -> String {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { format!("an {word}") } else { format!("a {word}") }
}

/// The look of the seed in the tables' own words.
fn traits(concept: &Concept) -> Vec<String> {
    let spec = CharacterSpec::from_concept(concept);
    let mut traits = vec![
        format!("{} build", spec.build.word),
        format!("{} skin", spec.skin.0),
        format!("{} hair", spec.hair.word),
        format!("{} hair", spec.hair_colour.0),
        spec.fringe.word.to_owned(),
        format!("{} eyes", spec.eyes.word),
        format!("{} eyes", spec.eye_colour.0),
    ];
    if spec.accessory != "no accessories" {
        traits.push(spec.accessory.to_owned());
    }
    if let Ok(cut) = spec.cut(&Outfit::signature(), &[]) {
        traits.push(cut.name.to_owned());
    }
    traits.push(format!("{} palette", spec.palette.name));
    traits
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn request(seed: u64, draw: u32) -> ConceptRequest {
        ConceptRequest { seed, draw, style: "kpop_dance".into(), name: None, wish: None }
    }

    #[test]
    fn builtin_text_is_one_person_per_seed_and_another_name_per_draw() {
        assert_eq!(invent(&request(5, 0)), invent(&request(5, 0)));
        let (first, second) = (invent(&request(5, 0)), invent(&request(5, 1)));
        assert_ne!(first.name, second.name);
        assert_eq!(first.traits, second.traits);
        assert_ne!(invent(&request(6, 0)).traits, first.traits);
        let names: BTreeSet<String> = (0..2000).map(|seed| invent(&request(seed, 0)).name).collect();
        assert!(names.len() > 1600, "{} names of 2000 seeds", names.len());
    }

    #[test]
    fn builtin_text_traits_describe_what_is_drawn() {
        for seed in 0..300 {
            let concept = invent(&request(seed, 0));
            let bare = Concept { traits: Vec::new(), ..concept.clone() };
            let (told, drawn) = (CharacterSpec::from_concept(&concept), CharacterSpec::from_concept(&bare));
            assert_eq!(told, drawn, "seed {seed}: {:?}", concept.traits);
            assert_eq!(
                told.cut(&Outfit::signature(), &concept.traits).unwrap(),
                drawn.cut(&Outfit::signature(), &[]).unwrap(),
                "seed {seed}"
            );
        }
    }

    #[test]
    fn builtin_text_words_win_over_the_seed() {
        for seed in 0..20 {
            let words = ["teal hair", "twin tails", "amber eyes", "hoodie"].map(String::from).to_vec();
            let concept = Concept { traits: words, ..invent(&request(seed, 0)) };
            let spec = CharacterSpec::from_concept(&concept);
            assert_eq!((spec.hair_colour.0, spec.hair.word, spec.eye_colour.0), ("teal", "twin tails", "amber"));
            assert_eq!(spec.cut(&Outfit::signature(), &concept.traits).unwrap().name, "hoodie streetwear");
        }
    }
}
