//! Drawn lines as a picture of a terminal, for documents.

use super::ink::{Ink, Line};

/// Pixels.
const CHARACTER: f64 = 8.4;
const LINE: f64 = 19.0;
const MARGIN: f64 = 16.0;

/// The picture, with the command above the lines.
pub(super) fn svg(lines: &[Line], command: &str) -> String {
    let columns = lines.iter().map(|line| line.iter().map(|(_, text)| text.chars().count()).sum()).max().unwrap_or(0);
    let width = columns.max(command.chars().count() + 2) as f64 * CHARACTER + 2.0 * MARGIN;
    let height = (lines.len() + 2) as f64 * LINE + 2.0 * MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#16181d\"/>\n\
         <g font-family=\"ui-monospace, 'DejaVu Sans Mono', monospace\" font-size=\"14\" xml:space=\"preserve\">\n"
    );
    let command = vec![(Ink::Dim, "$ ".to_owned()), (Ink::Bold, command.to_owned())];
    let empty = Line::new();
    for (row, line) in [&command, &empty].into_iter().chain(lines).enumerate() {
        let y = MARGIN + (row + 1) as f64 * LINE - 5.0;
        let mut column = 0;
        for (ink, text) in line.iter().filter(|(_, text)| !text.is_empty()) {
            let x = MARGIN + f64::from(column) * CHARACTER;
            let characters = text.chars().count() as i32;
            // With its width said, a piece ends where it should in whatever font there is.
            let length = f64::from(characters) * CHARACTER;
            out.push_str(&format!(
                "<text x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{length:.1}\" lengthAdjust=\"spacingAndGlyphs\" {}>{}</text>\n",
                look(*ink),
                escaped(text)
            ));
            column += characters;
        }
    }
    out.push_str("</g>\n</svg>\n");
    out
}

const fn look(ink: Ink) -> &'static str {
    match ink {
        Ink::Plain => "fill=\"#d7dae0\"",
        Ink::Dim => "fill=\"#7d8590\"",
        Ink::Bold => "fill=\"#ffffff\" font-weight=\"bold\"",
        Ink::Done => "fill=\"#57c26b\"",
        Ink::Running => "fill=\"#4cc2d8\"",
        Ink::Ready => "fill=\"#e2b340\"",
        Ink::Failed => "fill=\"#f0605a\"",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_is_written_so_that_no_reader_takes_it_for_markup() {
        let picture = svg(&[vec![(Ink::Failed, "a<b & c>d".to_owned())]], "meze jobs show 1");
        assert!(picture.contains("a&lt;b &amp; c&gt;d") && picture.ends_with("</svg>\n"), "{picture}");
    }
}
