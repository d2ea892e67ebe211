//! Text in a terminal: how wide it is, and how it is cut and wrapped. Wide characters count twice.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that a text takes in a terminal.
pub(super) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// The text without control characters: a name out of a file must not move the cursor, nor break an XML document.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The text, or its beginning and an ellipsis where it is wider than `most`.
pub(super) fn shorten(text: &str, most: usize) -> String {
    let text = plain(text);
    if width(&text) <= most {
        return text;
    }
    let (head, _) = split(&text, most.saturating_sub(1));
    format!("{}…", head.trim_end())
}

/// The text and as many spaces as make it `most` columns wide.
pub(super) fn pad(text: &str, most: usize) -> String {
    format!("{text}{}", " ".repeat(most.saturating_sub(width(text))))
}

/// Lines of at most `most` columns; `hang` spaces before every line but the first.
pub(super) fn wrap(text: &str, most: usize, hang: usize) -> Vec<String> {
    // Less than this leaves no room for a word, and none for a wide character.
    let most = most.max(hang + 8);
    let mut lines = vec![String::new()];
    for word in plain(text).split(' ').filter(|word| !word.is_empty()) {
        append(&mut lines, word, most, hang);
    }
    lines
}

fn append(lines: &mut Vec<String>, word: &str, most: usize, hang: usize) {
    let line = lines.last_mut().expect("a wrapped text begins with one line");
    let fresh = line.trim().is_empty();
    let needed = width(line) + usize::from(!fresh) + width(word);
    if needed <= most {
        line.push_str(if fresh { "" } else { " " });
        line.push_str(word);
    } else if fresh {
        let (head, rest) = split(word, most - width(line));
        line.push_str(head);
        lines.push(" ".repeat(hang));
        append(lines, rest, most, hang);
    } else {
        lines.push(" ".repeat(hang));
        append(lines, word, most, hang);
    }
}

/// The longest beginning that takes at most `most` columns, and the rest.
fn split(text: &str, most: usize) -> (&str, &str) {
    let mut taken = 0;
    let end = text.char_indices().find(|(_, c)| {
        taken += c.width().unwrap_or(0);
        taken > most
    });
    text.split_at(end.map_or(text.len(), |(index, _)| index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_lines_keep_to_the_width_and_lose_nothing() {
        let text = "canary 카나리 배포는 천천히 진행되며 averyveryverylongwordthatfitsnowhere ends";
        for most in 8..60 {
            let lines = wrap(text, most, 0);
            assert!(lines.iter().all(|line| width(line) <= most), "{most}: {lines:?}");
            assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
        }
    }

    #[test]
    fn a_shortened_name_says_so_and_fits() {
        assert_eq!(shorten("canary", 6), "canary");
        assert_eq!(shorten("canary with gate", 8), "canary…");
        assert_eq!(width(&shorten("카나리 배포 전략", 8)), 7, "a wide character that does not fit is left out");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\nc"), "a [2Jb c");
    }
}
