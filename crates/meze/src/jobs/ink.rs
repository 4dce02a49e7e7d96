//! Drawn text: pieces with a colour each, for a terminal, for plain text, and for pictures.

/// How a piece looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Plain,
    Dim,
    Bold,
    Done,
    Running,
    Ready,
    Failed,
}

impl Ink {
    /// The parameters of the terminal's escape sequence.
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "0",
            Self::Dim => "2",
            Self::Bold => "1",
            Self::Done => "32",
            Self::Running => "36",
            Self::Ready => "33",
            Self::Failed => "31",
        }
    }
}

/// A line in pieces.
pub(super) type Line = Vec<(Ink, String)>;

/// The line as text, with the terminal's colours or without.
pub(super) fn text(line: &Line, colours: bool) -> String {
    let piece = |(ink, text): &(Ink, String)| match (colours, ink) {
        (false, _) | (_, Ink::Plain) => text.clone(),
        (true, ink) => format!("\x1b[{}m{text}\x1b[0m", ink.code()),
    };
    line.iter().map(piece).collect::<String>().trim_end().to_owned()
}

/// The line, cut to a width in characters, with a mark where something is missing.
pub(super) fn cut(line: Line, width: usize) -> Line {
    let whole: usize = line.iter().map(|(_, text)| text.chars().count()).sum();
    if whole <= width {
        return line;
    }
    let mut left = width.saturating_sub(1);
    let mut short = Line::new();
    for (ink, text) in line {
        let part: String = text.chars().take(left).collect();
        left -= part.chars().count();
        short.push((ink, part));
        if left == 0 {
            break;
        }
    }
    short.push((Ink::Dim, "…".to_owned()));
    short
}

/// Text from outside, such as a worker's reason, on one line and without what a terminal would obey.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_line_is_as_wide_as_it_may_be_and_says_that_it_is_cut() {
        let line = vec![(Ink::Done, "✔✔✔".to_owned()), (Ink::Plain, " of four".to_owned())];
        assert_eq!(text(&cut(line.clone(), 11), false), "✔✔✔ of four");
        assert_eq!(text(&cut(line.clone(), 7), false), "✔✔✔ of…");
        assert_eq!(text(&cut(line, 1), false), "…");
    }

    #[test]
    fn nothing_from_outside_reaches_the_terminal_as_a_command() {
        assert_eq!(plain("a\x1b[2Jb\nc\u{9b}d"), "a [2Jb c d");
    }
}
