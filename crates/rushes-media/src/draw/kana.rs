//! Names in katakana, for the second line of a lettered name.
//!
//! A small table holds names that are not written as they are read in Japanese; everything else must be plain romaji
//! (Hepburn). A name that is neither has no katakana, and stays Latin.

/// Names by sound.
const BY_SOUND: &[(&str, &str)] = &[
    ("adair", "アデア"),
    ("alba", "アルバ"),
    ("alder", "オルダー"),
    ("anselm", "アンセルム"),
    ("arden", "アーデン"),
    ("arlo", "アーロ"),
    ("ashby", "アシュビー"),
    ("aster", "アスター"),
    ("aurel", "アウレル"),
    ("bayard", "ベイヤード"),
    ("bela", "ベラ"),
    ("bellamy", "ベラミー"),
    ("birch", "バーチ"),
    ("blume", "ブルーム"),
    ("brandt", "ブラント"),
    ("brio", "ブリオ"),
    ("calder", "カルダー"),
    ("calla", "カーラ"),
    ("caro", "カーロ"),
    ("castell", "カステル"),
    ("ciro", "チーロ"),
    ("corvin", "コーヴィン"),
    ("cosima", "コジマ"),
    ("dalton", "ダルトン"),
    ("dario", "ダリオ"),
    ("davi", "ダヴィ"),
    ("daye", "デイ"),
    ("delia", "デリア"),
    ("delmar", "デルマー"),
    ("doran", "ドーラン"),
    ("eastlake", "イーストレイク"),
    ("elio", "エリオ"),
    ("ellery", "エラリー"),
    ("esme", "エズメ"),
    ("falk", "ファルク"),
    ("faye", "フェイ"),
    ("fenn", "フェン"),
    ("fenwick", "フェンウィック"),
    ("fiore", "フィオーレ"),
    ("flora", "フローラ"),
    ("galen", "ゲイレン"),
    ("gia", "ジア"),
    ("greer", "グリア"),
    ("halden", "ハルデン"),
    ("hale", "ヘイル"),
    ("harrow", "ハロウ"),
    ("haven", "ヘイヴン"),
    ("hollis", "ホリス"),
    ("ilan", "イーラン"),
    ("ines", "イネス"),
    ("iona", "アイオナ"),
    ("ira", "アイラ"),
    ("isla", "アイラ"),
    ("ito", "イトウ"),
    ("ivo", "イヴォ"),
    ("jae", "ジェイ"),
    ("jansen", "ヤンセン"),
    ("juniper", "ジュニパー"),
    ("kessler", "ケスラー"),
    ("kirsch", "キルシュ"),
    ("lane", "レーン"),
    ("lara", "ララ"),
    ("larkin", "ラーキン"),
    ("leif", "レイフ"),
    ("linden", "リンデン"),
    ("lio", "リオ"),
    ("livia", "リヴィア"),
    ("lorne", "ローン"),
    ("luca", "ルカ"),
    ("lumi", "ルミ"),
    ("lund", "ルンド"),
    ("mael", "マエル"),
    ("marlow", "マーロウ"),
    ("merle", "マール"),
    ("nael", "ナエル"),
    ("nell", "ネル"),
    ("nico", "ニコ"),
    ("nilo", "ニーロ"),
    ("noble", "ノーブル"),
    ("nordin", "ノルディン"),
    ("oakes", "オークス"),
    ("odile", "オディール"),
    ("orla", "オーラ"),
    ("park", "パク"),
    ("pell", "ペル"),
    ("perrin", "ペリン"),
    ("quill", "クイル"),
    ("quinn", "クイン"),
    ("rafi", "ラフィ"),
    ("ramos", "ラモス"),
    ("reyes", "レイエス"),
    ("rivers", "リヴァーズ"),
    ("rosa", "ローザ"),
    ("rosen", "ローゼン"),
    ("rowe", "ロウ"),
    ("sable", "セイブル"),
    ("sato", "サトウ"),
    ("selin", "セリン"),
    ("selwyn", "セルウィン"),
    ("silas", "サイラス"),
    ("solano", "ソラノ"),
    ("sterling", "スターリング"),
    ("strand", "ストランド"),
    ("sung", "ソン"),
    ("tala", "タラ"),
    ("taro", "タロウ"),
    ("thorne", "ソーン"),
    ("tierney", "ティアニー"),
    ("tova", "トーヴァ"),
    ("uma", "ユマ"),
    ("vale", "ヴェイル"),
    ("valen", "ヴェイレン"),
    ("vance", "ヴァンス"),
    ("veda", "ヴェーダ"),
    ("vela", "ヴェラ"),
    ("verne", "ヴェルヌ"),
    ("vidal", "ヴィダル"),
    ("wells", "ウェルズ"),
    ("wilder", "ワイルダー"),
    ("winter", "ウィンター"),
    ("wren", "レン"),
    ("yates", "イェイツ"),
    ("yoon", "ユン"),
    ("zadie", "ゼイディー"),
    ("zeller", "ツェラー"),
];

/// Five vowels after each beginning; an empty place is not written so.
const ROWS: &[(&str, [&str; 5])] = &[
    ("", ["ア", "イ", "ウ", "エ", "オ"]),
    ("k", ["カ", "キ", "ク", "ケ", "コ"]),
    ("s", ["サ", "", "ス", "セ", "ソ"]),
    ("t", ["タ", "", "", "テ", "ト"]),
    ("n", ["ナ", "ニ", "ヌ", "ネ", "ノ"]),
    ("h", ["ハ", "ヒ", "", "ヘ", "ホ"]),
    ("m", ["マ", "ミ", "ム", "メ", "モ"]),
    ("y", ["ヤ", "", "ユ", "", "ヨ"]),
    ("r", ["ラ", "リ", "ル", "レ", "ロ"]),
    ("w", ["ワ", "", "", "", ""]),
    ("g", ["ガ", "ギ", "グ", "ゲ", "ゴ"]),
    ("z", ["ザ", "ジ", "ズ", "ゼ", "ゾ"]),
    ("d", ["ダ", "", "", "デ", "ド"]),
    ("b", ["バ", "ビ", "ブ", "ベ", "ボ"]),
    ("p", ["パ", "ピ", "プ", "ペ", "ポ"]),
    ("f", ["", "", "フ", "", ""]),
    ("j", ["ジャ", "ジ", "ジュ", "ジェ", "ジョ"]),
    ("sh", ["シャ", "シ", "シュ", "シェ", "ショ"]),
    ("ch", ["チャ", "チ", "チュ", "チェ", "チョ"]),
    ("ts", ["", "", "ツ", "", ""]),
    ("ky", ["キャ", "", "キュ", "", "キョ"]),
    ("ny", ["ニャ", "", "ニュ", "", "ニョ"]),
    ("hy", ["ヒャ", "", "ヒュ", "", "ヒョ"]),
    ("my", ["ミャ", "", "ミュ", "", "ミョ"]),
    ("ry", ["リャ", "", "リュ", "", "リョ"]),
    ("gy", ["ギャ", "", "ギュ", "", "ギョ"]),
    ("by", ["ビャ", "", "ビュ", "", "ビョ"]),
    ("py", ["ピャ", "", "ピュ", "", "ピョ"]),
];

/// A name in katakana, its parts joined by a middle dot; None where a part has no Japanese reading we know.
#[must_use]
pub(super) fn katakana(name: &str) -> Option<String> {
    let parts = name.split_whitespace().map(|part| {
        let part = part.to_lowercase();
        BY_SOUND.iter().find(|(latin, _)| *latin == part).map(|(_, kana)| (*kana).to_owned()).or_else(|| romaji(&part))
    });
    let parts = parts.collect::<Option<Vec<String>>>()?;
    (!parts.is_empty()).then(|| parts.join("・"))
}

/// Plain romaji, letter by letter.
fn romaji(word: &str) -> Option<String> {
    if word.is_empty() || !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return None;
    }
    let (mut kana, mut rest) = (String::new(), word);
    while !rest.is_empty() {
        let head = rest.find(['a', 'i', 'u', 'e', 'o']);
        let start = &rest[..head.unwrap_or(rest.len())];
        let doubled = start.len() > 1 && start.as_bytes()[0] == start.as_bytes()[1];
        if start.starts_with('n') && (start.len() > 1 && !start.starts_with("ny") || head.is_none()) {
            // An n with no vowel of its own.
            kana.push('ン');
            rest = &rest[1..];
        } else if doubled && start.as_bytes()[0] != b'r' {
            kana.push('ッ');
            rest = &rest[1..];
        } else {
            let at = head?;
            let vowel = "aiueo".find(&rest[at..=at])?;
            let (_, row) = ROWS.iter().find(|(beginning, _)| *beginning == start)?;
            if row[vowel].is_empty() {
                return None;
            }
            kana.push_str(row[vowel]);
            rest = &rest[at + 1..];
        }
    }
    Some(kana)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draw_names_are_written_in_katakana() {
        for (name, wanted) in [
            ("Mira Vale", "ミラ・ヴェイル"),
            ("Rin Sato", "リン・サトウ"),
            ("Enzo Blume", "エンゾ・ブルーム"),
            ("Kaede Tanaka", "カエデ・タナカ"),
            ("Jun", "ジュン"),
            ("Shinobu Hattori", "シノブ・ハットリ"),
            ("Ryo Kenichi", "リョ・ケニチ"),
            ("Kyoko Honma", "キョコ・ホンマ"),
        ] {
            assert_eq!(katakana(name).as_deref(), Some(wanted), "{name}");
        }
        for name in ["Xavier Wu", "Mira Schwarz", "Тая Mori", "O'Neil", "Mira L", "", "李 明"] {
            assert_eq!(katakana(name), None, "{name}");
        }
    }
}
