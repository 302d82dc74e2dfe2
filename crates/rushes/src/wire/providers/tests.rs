//! Who is asked, as the file says it, and what a file must say.

use super::*;
use crate::config::load;

/// What is chosen by such a file, as `text image motion music chat`; else the setting that is wrong.
fn chosen_by(text: &str) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let write =
        |name: &str, text: &str| std::io::Write::write_all(&mut std::fs::File::create(folder.path().join(name)).unwrap(), text.as_bytes());
    write("rushes.toml", text).unwrap();
    write(".env", "ONE=key-one\nTWO=\"key-one, key-two\"\nNONE=\" , \"\n").unwrap();
    let config = load(folder.path()).unwrap().config;
    let made = bells(&config).and_then(|bells| providers(&config, &[], &Styles::builtin(), &bells)).map_err(|fault| {
        assert!(!fault.to_string().contains("key-one"), "{fault}");
        fault.get("setting").unwrap_or("no setting").to_owned()
    })?;
    let cards = [made.text.card(), made.image.card(), made.motion.card(), made.music.card()].into_iter();
    let cards = cards.chain(made.chat.map(|chat| chat.card()));
    Ok(cards.map(|card| format!("{} {}", card.name, card.model)).collect::<Vec<_>>().join(", "))
}

#[test]
fn config_chooses_who_answers_with_what_it_makes() {
    let builtin = "builtin rushes-draw";
    let of = |text: &str| chosen_by(text).unwrap();
    let gemini = of("[make]\ntext = \"gemini\"\nimage = \"gemini\"\n[providers.gemini]\nkey = \"env:TWO\"\n");
    assert!(gemini.starts_with("gemini gemini-2.5-flash, gemini gemini-2.5-flash-image, builtin"), "{gemini}");
    let other = of("[make]\ntext = \"gemini\"\n[providers.gemini]\nkey = \"env:ONE\"\noptions = { text_model = \"newer\" }\n");
    assert!(other.starts_with(&format!("gemini newer, {builtin}")), "{other}");
    let chat = of(
        "[make]\ntext = \"openai_chat\"\n[providers.openai_chat]\nendpoint = \"http://127.0.0.1:11434\"\noptions = { model = \"qwen3:8b\" }\n",
    );
    assert!(chat.starts_with("openai_chat qwen3:8b, "), "{chat}");
    let talk = of("[make]\nchat = \"gemini\"\n[providers.gemini]\nkey = \"env:ONE\"\n");
    assert!(talk.ends_with(", gemini gemini-2.5-flash") && talk.matches(", ").count() == 4, "{talk}");
    assert_eq!(of("").matches(", ").count(), 3, "nobody answers where nobody is configured");
    let music =
        of("[make]\nmusic = \"elevenlabs\"\n[providers.elevenlabs]\nkey = \"env:ONE\"\nprice_usd = 0.3\n[budgets]\nday_usd = 1.0\n");
    assert!(music.ends_with("elevenlabs music_v1"), "{music}");
    let music = of("[make]\nmusic = \"minimax\"\n[providers.minimax]\nkey = \"env:ONE\"\n");
    assert!(music.ends_with("minimax music-2.6"), "{music}");
}

#[test]
fn config_names_what_a_provider_lacks() {
    for (text, setting) in [
        ("[make]\ntext = \"gemini\"\n", "providers.gemini.key"),
        ("[make]\ntext = \"gemini\"\n[providers.gemini]\nkey = \"env:NONE\"\n", "providers.gemini.key"),
        (
            "[make]\ntext = \"gemini\"\n[providers.gemini]\nkey = \"env:ONE\"\noptions = { model = \"x\" }\n",
            "providers.gemini.options.model",
        ),
        (
            "[make]\nimage = \"gemini\"\n[providers.gemini]\nkey = \"env:ONE\"\noptions = { image_model = 5 }\n",
            "providers.gemini.options.image_model",
        ),
        ("[make]\nmusic = \"gemini\"\n", "make.music"),
        ("[make]\nchat = \"builtin\"\n", "make.chat"),
        ("[make]\nchat = \"kling\"\n", "make.chat"),
        ("[make]\nchat = \"openai_chat\"\n", "providers.openai_chat.options.model"),
        ("[make]\ntext = \"openai_chat\"\n", "providers.openai_chat.options.model"),
        ("[make]\ntext = \"openai_chat\"\n[providers.openai_chat]\noptions = { model = \"gpt\" }\n", "providers.openai_chat.key"),
        (
            "[make]\nmusic = \"elevenlabs\"\n[providers.elevenlabs]\nkey = \"env:ONE\"\nendpoint = \"http://10.0.0.1\"\n",
            "providers.elevenlabs.endpoint",
        ),
        (
            "[make]\nmusic = \"elevenlabs\"\n[budgets]\njob_usd = 1.0\n[providers.elevenlabs]\nkey = \"env:ONE\"\n",
            "providers.elevenlabs.price_usd",
        ),
        ("[make]\nmusic = \"minimax\"\n", "providers.minimax.key"),
        ("[make]\nmusic = \"lyria\"\n[providers.lyria]\nkey = \"env:ONE\"\n", "providers.lyria.key"),
    ] {
        assert_eq!(chosen_by(text), Err(setting.to_owned()), "{text}");
    }
}
