//! What is wrong with a scenario: where, what was found, what is allowed, and what was perhaps meant.

use std::fmt;

use super::tree::KeyPath;

/// One thing that is wrong, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file as the user named it, or the argument that gave the value.
    pub source: String,
    /// Counted from 1; 0 where the problem has no line (a file that cannot be read, an argument).
    pub line: u32,
    /// In characters, counted from 1; 0 without a line.
    pub column: u32,
    /// The keys that lead to the value, shown as `fleet.size`; empty for the file as a whole.
    path: KeyPath,
    /// What was found and what is allowed: lower case, no full stop.
    pub text: String,
    /// What was perhaps meant.
    pub suggestion: Option<String>,
    excerpt: Option<Excerpt>,
    order: (u32, u32, u32),
}

/// The offending line, cut to a width that fits a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Excerpt {
    text: String,
    /// Where the caret goes, in characters from the start of `text`.
    indent: usize,
    carets: usize,
}

/// Every problem of a scenario, in the order of its files and lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    sources: Vec<Source>,
    list: Vec<Problem>,
}

/// A text that values come from.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    name: String,
    text: String,
    kind: SourceKind,
}

/// Whether lines and columns mean anything to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourceKind {
    File,
    Argument,
}

/// Where in which source; the default is the start of the first source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub source: u32,
    /// Counted from 1; 0 for a source as a whole.
    pub line: u32,
    pub column: u32,
    /// In characters.
    pub width: u32,
}

impl Place {
    /// Stands for the end of a source, after every line of it.
    pub const AFTER_ALL: u32 = u32::MAX;
}

impl Problems {
    /// The problems, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// A collector for a value that no file holds.
    pub(crate) fn scratch() -> Problems {
        let mut problems = Problems::default();
        problems.open("", "", SourceKind::Argument);
        problems
    }

    /// Makes a text known, so that places in it can be shown; returns the number for [`Place::source`].
    pub(crate) fn open(&mut self, name: &str, text: &str, kind: SourceKind) -> u32 {
        self.sources.push(Source { name: name.to_owned(), text: text.to_owned(), kind });
        self.sources.len() as u32 - 1
    }

    /// The name of a source.
    pub(crate) fn name(&self, source: u32) -> &str {
        self.sources.get(source as usize).map_or("", |source| &source.name)
    }

    /// Notes a problem; the answer is for adding a suggestion.
    pub(crate) fn add(&mut self, place: Place, path: &KeyPath, text: impl Into<String>) -> &mut Problem {
        let source = &self.sources[place.source as usize];
        let has_line = source.kind == SourceKind::File && place.line > 0 && place.line < Place::AFTER_ALL;
        self.list.push(Problem {
            source: source.name.clone(),
            line: if has_line { place.line } else { 0 },
            column: if has_line { place.column } else { 0 },
            path: path.clone(),
            text: text.into(),
            suggestion: None,
            excerpt: has_line.then(|| Excerpt::of(&source.text, place)).flatten(),
            order: (place.source, place.line, place.column),
        });
        self.list.last_mut().expect("a problem was pushed just now")
    }

    /// Whether the value at `path`, something in it, or something around it is known to be wrong.
    pub(crate) fn touch(&self, path: &KeyPath) -> bool {
        self.list.iter().any(|problem| problem.path.overlaps(path))
    }

    /// Puts them in the order of their sources, lines and columns.
    pub(crate) fn sorted(mut self) -> Problems {
        self.list.sort_by_key(|problem| problem.order);
        self.list.dedup();
        self
    }
}

impl Problem {
    /// The keys that lead to the value, such as `fleet.size`; empty for the file as a whole.
    pub fn path(&self) -> String {
        self.path.to_string()
    }

    /// Suggests the word of `allowed` that is closest to `word`, if one is close.
    pub(crate) fn suggest<'a>(&mut self, word: &str, allowed: impl IntoIterator<Item = &'a str>) -> &mut Problem {
        self.suggestion = nearest(word, allowed).map(str::to_owned);
        self
    }
}

/// The word of `allowed` that `word` was probably meant to be; `None` if several are as close.
pub(crate) fn nearest<'a>(word: &str, allowed: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Longer words are not typing mistakes, and comparing them takes quadratic time.
    const WORD_LENGTH_MAX: usize = 100;
    if word.len() > WORD_LENGTH_MAX {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    let wanted = plain(word);
    let close = |candidate: &&'a str| {
        let distance = strsim::damerau_levenshtein(&wanted, &plain(candidate));
        let longer = candidate.chars().count().max(wanted.chars().count());
        (distance <= longer.div_ceil(3)).then_some(distance)
    };
    let mut found: Vec<(usize, &str)> = allowed.into_iter().filter_map(|word| Some((close(&word)?, word))).collect();
    found.sort_unstable();
    match found.as_slice() {
        [(first, _), (second, _), ..] if first == second => None,
        [(_, word), ..] => Some(word),
        [] => None,
    }
}

impl Excerpt {
    fn of(text: &str, place: Place) -> Option<Excerpt> {
        const BEFORE_MAX: usize = 60;
        const WIDTH_MAX: usize = 110;
        let line = text.lines().nth(place.line as usize - 1)?;
        let column = (place.column as usize).saturating_sub(1);
        let skipped = column.saturating_sub(BEFORE_MAX);
        let shown: String = line
            .chars()
            .skip(skipped)
            .take(WIDTH_MAX)
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .collect();
        let indent = column - skipped;
        // The marks of a cut take the place of a character, so that the carets stay where they are.
        let length = shown.chars().count();
        let cut = |index: usize| (index == 0 && skipped > 0) || (index + 1 == WIDTH_MAX && length == WIDTH_MAX);
        let marked = shown.chars().enumerate();
        let marked = marked.map(|(index, letter)| if cut(index) { '…' } else { letter });
        Some(Excerpt {
            text: marked.collect(),
            indent,
            carets: (place.width as usize).min(length.saturating_sub(indent)).max(1),
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.source)?;
        if self.line > 0 {
            // Without blanks, so that an editor can jump to `file:line:column`.
            write!(out, ":{}:{}", self.line, self.column)?;
        }
        out.write_str(": ")?;
        if self.path != KeyPath::top() {
            write!(out, "{}: ", self.path)?;
        }
        out.write_str(&self.text)?;
        if let Some(suggestion) = &self.suggestion {
            write!(out, "; did you mean '{suggestion}'?")?;
        }
        if let Some(excerpt) = &self.excerpt {
            let number = self.line.to_string();
            let blank = " ".repeat(number.len());
            let indent = " ".repeat(excerpt.indent);
            let carets = "^".repeat(excerpt.carets);
            write!(out, "\n {number} | {}\n {blank} | {indent}{carets}", excerpt.text)?;
        }
        Ok(())
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.list.iter().enumerate() {
            if index > 0 {
                out.write_str("\n")?;
            }
            write!(out, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
