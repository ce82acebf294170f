//! A drawing: axes, lines, bars, text. Colours and fonts are those of the page, or of the sheet that a drawing which
//! stands alone brings with it, by the names of classes.

use std::fmt::{self, Display, Formatter, Write};

/// Text that stands in a page.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A drawing.
#[derive(Clone, Debug)]
pub(crate) struct Svg {
    width: f64,
    height: f64,
    body: String,
}

/// On which side of its place a text stands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    /// An empty one.
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self { width, height, body: String::new() }
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        self.body.write_fmt(element).unwrap_or_else(|_| unreachable!("a string takes all"));
    }

    /// A straight line.
    pub(crate) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.add(format_args!(
            r#"<line class="{class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#
        ));
    }

    /// A line through several points.
    pub(crate) fn path(&mut self, class: &str, points: &[(f64, f64)]) {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        self.add(format_args!(r#"<polyline class="{class}" points="{}"/>"#, points.join(" ")));
    }

    /// A rectangle.
    pub(crate) fn bar(&mut self, class: &str, corner: (f64, f64), size: (f64, f64)) {
        let ((x, y), (width, height)) = (corner, size);
        let width = width.max(0.5);
        self.add(format_args!(
            r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="1.5"/>"#
        ));
    }

    /// A dot.
    pub(crate) fn dot(&mut self, class: &str, (x, y): (f64, f64), radius: f64) {
        self.add(format_args!(r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="{radius}"/>"#));
    }

    /// A text whose middle line is at the place.
    pub(crate) fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let (y, text) = (y + 4.0, escaped(text));
        self.add(format_args!(
            r#"<text class="{class}" x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#
        ));
    }

    /// The drawing. `title` says what it shows, on a page to those who do not see it.
    pub(crate) fn finish(self, title: &str) -> Drawing {
        Drawing { svg: self, title: title.to_owned() }
    }
}

/// A drawing that is done: displayed, it is a part of a page.
#[derive(Clone, Debug)]
pub(crate) struct Drawing {
    svg: Svg,
    title: String,
}

/// The ground around a drawing that stands alone, and above it for the title.
const MARGIN: f64 = 18.0;
const TITLE: f64 = 26.0;

impl Drawing {
    /// The drawing as a file that needs nothing else: with its title, on a ground of its own, `sheet` has its looks.
    pub(crate) fn alone(&self, sheet: &str) -> String {
        let Self { svg: Svg { width, height, body }, title } = self;
        let (width, height) = (width + 2.0 * MARGIN, height + 2.0 * MARGIN + TITLE);
        let (left, top, middle) = (-MARGIN, -MARGIN - TITLE, -TITLE / 2.0 - 2.0);
        let (title, sheet) = (escaped(title), escaped(sheet));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"{left:.0} {top:.0} {width:.0} {height:.0}\" \
             width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\">\n<title>{title}</title>\n<style>\n{sheet}\
             </style>\n<rect class=\"ground\" x=\"{left:.0}\" y=\"{top:.0}\" width=\"{width:.0}\" \
             height=\"{height:.0}\" rx=\"8\"/>\n<text class=\"title\" x=\"0\" y=\"{middle:.0}\">{title}</text>\n\
             {body}\n</svg>\n"
        )
    }
}

impl Display for Drawing {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { svg: Svg { width, height, body }, title } = self;
        let title = escaped(title);
        write!(
            f,
            r#"<svg viewBox="0 0 {width:.0} {height:.0}" style="max-width:{width:.0}px" role="img" aria-label="{title}">{body}</svg>"#
        )
    }
}

/// Where values stand along an axis.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    is_log: bool,
    values: (f64, f64),
    places: (f64, f64),
}

impl Scale {
    /// Equal distances for equal differences.
    pub(crate) fn linear(values: (f64, f64), places: (f64, f64)) -> Self {
        Self { is_log: false, values, places }
    }

    /// Equal distances for equal ratios. Values are above zero.
    pub(crate) fn log(values: (f64, f64), places: (f64, f64)) -> Self {
        let least = f64::MIN_POSITIVE;
        Self { is_log: true, values: (values.0.max(least), values.1.max(least)), places }
    }

    /// The place of a value. What lies outside is put at the end.
    pub(crate) fn at(&self, value: f64) -> f64 {
        let (first, last) = self.values;
        let value = value.clamp(first.min(last), last.max(first));
        let share = if self.is_log {
            (value / first).ln() / (last / first).ln()
        } else {
            (value - first) / (last - first)
        };
        let share = if share.is_finite() { share } else { 0.0 };
        self.places.0 + share * (self.places.1 - self.places.0)
    }

    /// Round values along the axis: some five, more where they span several powers of ten.
    pub(crate) fn ticks(&self) -> Vec<f64> {
        let (first, last) = self.values;
        if !self.is_log {
            let step = round_step((last - first) / 5.0);
            let count = if step > 0.0 { ((last - first) / step + 1e-9) as u32 } else { 0 };
            return (0..=count).map(|index| first + f64::from(index) * step).collect();
        }
        let decades = (first.log10().floor() as i32)..=(last.log10().ceil() as i32);
        let spanned = (last / first).log10();
        let parts: &[f64] = match spanned {
            _ if spanned < 1.0 => &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
            _ if spanned < 2.5 => &[1.0, 2.0, 5.0],
            _ => &[1.0],
        };
        let every = if spanned > 7.0 { 2 } else { 1 };
        let ticks = decades.filter(|decade| decade % every == 0);
        let ticks = ticks.flat_map(|decade| parts.iter().map(move |part| part * 10f64.powi(decade)));
        ticks.filter(|tick| (first * 0.999..=last * 1.001).contains(tick)).collect()
    }
}

/// The value rounded up to 1, 2 or 5 times a power of ten.
fn round_step(value: f64) -> f64 {
    if value <= 0.0 || !value.is_finite() {
        return 0.0;
    }
    let power = 10f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|part| part * power)
        .find(|&step| step >= value * 0.999)
        .unwrap_or(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_places() {
        let linear = Scale::linear((0.0, 10.0), (100.0, 200.0));
        assert_eq!([0.0, 5.0, 99.0].map(|value| linear.at(value)), [100.0, 150.0, 200.0]);
        let log = Scale::log((1.0, 100.0), (200.0, 0.0));
        assert_eq!([1.0, 10.0, 100.0].map(|value| log.at(value).round()), [200.0, 100.0, 0.0]);
        assert_eq!(Scale::linear((3.0, 3.0), (1.0, 2.0)).at(3.0), 1.0);
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(Scale::linear((0.0, 9.0), (0.0, 1.0)).ticks(), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!(Scale::log((40.0, 900.0), (0.0, 1.0)).ticks(), [50.0, 100.0, 200.0, 500.0]);
        assert!(Scale::linear((0.0, 0.0), (0.0, 1.0)).ticks().len() < 3);
    }

    #[test]
    fn names_are_escaped() {
        let mut svg = Svg::new(10.0, 10.0);
        svg.text("label", (0.0, 0.0), Anchor::Start, "a <b> & \"c\"");
        assert!(svg.finish("<t>").to_string().contains("a &lt;b&gt; &amp; &quot;c&quot;"));
    }

    #[test]
    fn a_drawing_alone_has_its_looks_and_its_title() {
        let drawing = Svg::new(10.0, 10.0).finish("a & b").alone("text { fill: #000; }\n");
        assert!(drawing.contains("<title>a &amp; b</title>") && drawing.contains("fill: #000"), "{drawing}");
        assert!(drawing.contains("viewBox=\"-18 -44 46 72\"") && drawing.ends_with("</svg>\n"), "{drawing}");
    }
}
