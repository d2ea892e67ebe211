//! The words of an HCL file with their places.

use super::Wrong;
use crate::yaml::problem::Place;

/// A word or sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub what: What,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A name or a number.
    Word(String),
    /// In quotes, or a document between two marks.
    Text(String),
    /// A single character that stands for itself.
    Sign(char),
    /// The end of a line.
    Line,
    /// The end of the file.
    End,
}

impl What {
    pub fn describe(&self) -> String {
        match self {
            What::Word(text) | What::Text(text) => crate::yaml::tree::quote(text),
            What::Sign(sign) => format!("'{sign}'"),
            What::Line => "the end of the line".to_owned(),
            What::End => "the end of the file".to_owned(),
        }
    }
}

/// Goes through the characters of a text.
pub(super) struct Lexer {
    letters: Vec<char>,
    at: usize,
    /// Where `at` stands.
    place: Place,
}

impl Lexer {
    /// All words of a text; the last is always [`What::End`].
    pub fn tokens(text: &str, source: u32) -> Result<Vec<Token>, Wrong> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let place = Place { source, line: 1, column: 1, width: 1 };
        let mut lexer = Lexer { letters: text.chars().collect(), at: 0, place };
        let mut tokens = Vec::new();
        loop {
            lexer.skip_blanks()?;
            let place = lexer.place;
            let before = lexer.at;
            let what = lexer.token()?;
            let on_one_line = lexer.place.line == place.line;
            let width = if on_one_line { (lexer.at - before).max(1) as u32 } else { 1 };
            let is_end = what == What::End;
            tokens.push(Token { what, place: Place { width, ..place } });
            if is_end {
                return Ok(tokens);
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.letters.get(self.at + ahead).copied()
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek(0)?;
        self.at += 1;
        if letter == '\n' {
            self.place.line += 1;
            self.place.column = 1;
        } else {
            self.place.column += 1;
        }
        Some(letter)
    }

    fn wrong<T>(place: Place, text: &str) -> Result<T, Wrong> {
        Err(Wrong { place, text: text.to_owned() })
    }

    /// Blanks and comments, but not the ends of lines.
    fn skip_blanks(&mut self) -> Result<(), Wrong> {
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('#'), _) | (Some('/'), Some('/')) => {
                    while self.peek(0).is_some_and(|letter| letter != '\n') {
                        self.next();
                    }
                }
                (Some('/'), Some('*')) => self.skip_comment()?,
                (Some(letter), _) if letter.is_whitespace() && letter != '\n' => {
                    self.next();
                }
                _ => return Ok(()),
            }
        }
    }

    fn skip_comment(&mut self) -> Result<(), Wrong> {
        let start = self.place;
        self.next();
        self.next();
        while (self.peek(0), self.peek(1)) != (Some('*'), Some('/')) {
            if self.next().is_none() {
                return Lexer::wrong(start, "found a comment without an end");
            }
        }
        self.next();
        self.next();
        Ok(())
    }

    fn token(&mut self) -> Result<What, Wrong> {
        let Some(letter) = self.peek(0) else { return Ok(What::End) };
        if letter == '\n' {
            self.next();
            return Ok(What::Line);
        }
        if letter == '"' {
            return self.text();
        }
        if letter == '<' && self.peek(1) == Some('<') {
            return self.document();
        }
        if letter.is_alphanumeric() || letter == '_' {
            let belongs = |letter: char| letter.is_alphanumeric() || "_-.".contains(letter);
            let mut word = String::new();
            while let Some(letter) = self.peek(0).filter(|letter| belongs(*letter)) {
                word.push(letter);
                self.next();
            }
            return Ok(What::Word(word));
        }
        self.next();
        Ok(What::Sign(letter))
    }

    /// Between quotes; `${…}` may hold quotes of its own.
    fn text(&mut self) -> Result<What, Wrong> {
        let start = self.place;
        self.next();
        let mut text = String::new();
        let mut inside = 0_usize;
        loop {
            let Some(letter) = self.next().filter(|letter| *letter != '\n') else {
                return Lexer::wrong(start, "found text without a closing quote");
            };
            match letter {
                '"' if inside == 0 => return Ok(What::Text(text)),
                '\\' => text.extend(self.next().map(escaped)),
                '{' if inside > 0 || text.ends_with(['$', '%']) => {
                    inside += 1;
                    text.push(letter);
                }
                '}' if inside > 0 => {
                    inside -= 1;
                    text.push(letter);
                }
                letter => text.push(letter),
            }
        }
    }

    /// `<<EOF` to `EOF`.
    fn document(&mut self) -> Result<What, Wrong> {
        let start = self.place;
        self.next();
        self.next();
        let head = self.line();
        let mark = head.trim_start_matches('-').trim().to_owned();
        let mut text = String::new();
        while self.peek(0).is_some() {
            let line = self.line();
            if line.trim() == mark {
                return Ok(What::Text(text));
            }
            text.push_str(&line);
            text.push('\n');
        }
        Lexer::wrong(start, "found a document without its closing mark")
    }

    /// The rest of the line; its end is passed over.
    fn line(&mut self) -> String {
        let mut line = String::new();
        while let Some(letter) = self.next().filter(|letter| *letter != '\n') {
            line.push(letter);
        }
        line
    }
}

fn escaped(letter: char) -> char {
    match letter {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        other => other,
    }
}
