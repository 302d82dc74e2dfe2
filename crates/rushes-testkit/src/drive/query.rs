//! The language of `q`: conditions on name, mimeType, parents, trashed, owners and properties, with `and`, `or`, `not` and
//! parentheses.

use super::state::{Account, Entry};

pub(super) enum Query {
    All,
    Both(Box<Query>, Box<Query>),
    Either(Box<Query>, Box<Query>),
    Not(Box<Query>),
    /// `name`, `mimeType`; whether equal.
    Field(String, bool, String),
    Parent(String),
    Owner(String),
    Trashed(bool),
    Property(String, String),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(&'static str),
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let (mut tokens, mut rest) = (Vec::new(), text.trim_start());
    while let Some(first) = rest.chars().next() {
        if let Some(sign) = ["!=", "=", "(", ")", "{", "}"].into_iter().find(|sign| rest.starts_with(sign)) {
            tokens.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else if first == '\'' {
            let (mut value, mut signs, mut end) = (String::new(), rest.char_indices().skip(1), None);
            while let Some((at, sign)) = signs.next() {
                match sign {
                    '\\' => value.extend(signs.next().map(|(_, sign)| sign)),
                    '\'' => {
                        end = Some(at + 1);
                        break;
                    }
                    sign => value.push(sign),
                }
            }
            rest = &rest[end.ok_or("a text has no end")?..];
            tokens.push(Token::Text(value));
        } else {
            let end = rest.find(|sign: char| !sign.is_alphanumeric()).unwrap_or(rest.len());
            if end == 0 {
                return Err(format!("Invalid Value: {rest}"));
            }
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

struct Reader {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
}

impl Reader {
    fn is_next(&mut self, word: &str) -> bool {
        self.tokens.next_if(|token| matches!(token, Token::Word(known) if known == word)).is_some()
    }

    fn word(&mut self) -> Result<String, String> {
        match self.tokens.next() {
            Some(Token::Word(word)) => Ok(word),
            other => Err(format!("Invalid Value: {other:?}")),
        }
    }

    fn text(&mut self) -> Result<String, String> {
        match self.tokens.next() {
            Some(Token::Text(text)) => Ok(text),
            other => Err(format!("Invalid Value: {other:?}")),
        }
    }

    fn sign(&mut self, sign: &'static str) -> Result<(), String> {
        let found = self.tokens.next();
        if found == Some(Token::Sign(sign)) { Ok(()) } else { Err(format!("Invalid Value: {found:?}")) }
    }

    fn expect(&mut self, word: &str) -> Result<(), String> {
        if self.is_next(word) { Ok(()) } else { Err(format!("{word} is missing")) }
    }

    fn either(&mut self) -> Result<Query, String> {
        let mut left = self.both()?;
        while self.is_next("or") {
            left = Query::Either(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Query, String> {
        let mut left = self.one()?;
        while self.is_next("and") {
            left = Query::Both(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Query, String> {
        if self.tokens.next_if_eq(&Token::Sign("(")).is_some() {
            let inner = self.either()?;
            return self.sign(")").map(|()| inner);
        }
        if self.is_next("not") {
            return Ok(Query::Not(Box::new(self.one()?)));
        }
        if let Some(Token::Text(_)) = self.tokens.peek() {
            let text = self.text()?;
            self.expect("in")?;
            return match self.word()?.as_str() {
                "parents" => Ok(Query::Parent(text)),
                "owners" => Ok(Query::Owner(text)),
                other => Err(format!("Invalid Value: {other}")),
            };
        }
        match self.word()?.as_str() {
            "trashed" => {
                self.sign("=")?;
                Ok(Query::Trashed(self.word()? == "true"))
            }
            field @ ("name" | "mimeType") => {
                let is_equal = self.tokens.next_if_eq(&Token::Sign("=")).is_some();
                if !is_equal {
                    self.sign("!=")?;
                }
                Ok(Query::Field(field.to_owned(), is_equal, self.text()?))
            }
            "appProperties" => {
                self.expect("has")?;
                self.sign("{")?;
                self.expect("key")?;
                self.sign("=")?;
                let key = self.text()?;
                self.expect("and")?;
                self.expect("value")?;
                self.sign("=")?;
                let value = self.text()?;
                self.sign("}").map(|()| Query::Property(key, value))
            }
            other => Err(format!("Invalid Value: {other}")),
        }
    }
}

impl Query {
    pub(super) fn read(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::All);
        }
        let mut reader = Reader { tokens: tokens(text)?.into_iter().peekable() };
        let query = reader.either()?;
        reader.tokens.next().map_or(Ok(query), |token| Err(format!("Invalid Value: {token:?}")))
    }

    pub(super) fn is_of(&self, entry: &Entry, account: &Account, is_trashed: bool) -> bool {
        let of = |query: &Self| query.is_of(entry, account, is_trashed);
        match self {
            Self::All => true,
            Self::Both(a, b) => of(a) && of(b),
            Self::Either(a, b) => of(a) || of(b),
            Self::Not(query) => !of(query),
            Self::Field(field, is_equal, value) => (if field == "name" { &entry.name } else { &entry.mime } == value) == *is_equal,
            Self::Parent(id) => entry.parent == *id || id == "root" && entry.parent == format!("root-of-{}", account.email),
            Self::Owner(who) => entry.drive.is_none() && (entry.owner == *who || who == "me" && entry.owner == account.email),
            Self::Trashed(wanted) => is_trashed == *wanted,
            Self::Property(key, value) => entry.properties.get(key) == Some(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drive_queries_mean_what_they_say() {
        let mut entry = Entry { name: "it's".into(), mime: "text/plain".into(), parent: "p1".into(), ..Entry::default() };
        entry.properties.insert("k".into(), "v".into());
        let account = Account { email: "a@b".into(), ..Account::default() };
        for (query, is_found) in [
            ("", true),
            (r"name='it\'s'", true),
            ("name != 'x' and mimeType='text/plain'", true),
            ("trashed=false and ('p1' in parents or 'p2' in parents)", true),
            ("trashed=true", false),
            ("not 'p1' in parents", false),
            ("appProperties has { key='k' and value='v' } and not trashed = true", true),
            ("appProperties has { key='k' and value='w' } or name='x'", false),
            ("'me' in owners", false),
        ] {
            assert_eq!(
                Query::read(query).unwrap_or_else(|why| panic!("{query}: {why}")).is_of(&entry, &account, false),
                is_found,
                "{query}"
            );
        }
        for bad in ["name", "name='x", "name='x' and", "(name='x'", "colour='x'", "name='x' name='y'", "appProperties has { key='k' }", "§"]
        {
            assert!(Query::read(bad).is_err(), "{bad}");
        }
    }
}
