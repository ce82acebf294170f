//! The report as one page: the facts, the targets, and for each case a drawing with its table.
//!
//! It needs nothing else: no script, no font, no network. Colours follow the reader's light or dark ground.

use crate::plan::case::GROUPS;
use crate::plan::metric::Metric;
use crate::report::charts::{self, Styles};
use crate::report::record::{Record, Role, Row};
use crate::report::svg::escaped;
use crate::report::{phrases, summary, table};

const STYLE: &str = concat!(include_str!("page.css"), include_str!("drawing.css"));

/// The page of a record.
pub(crate) fn page(record: &Record) -> String {
    let styles = Styles::of(record);
    let groups: Vec<&[Row]> = record.rows.chunk_by(|a, b| a.group == b.group).collect();
    let failures = failures(record);
    let parts = [("failed", !failures.is_empty()), ("targets", !record.targets.is_empty()), ("noise", true)];
    let parts = parts.into_iter().filter(|(_, is_there)| *is_there).map(|(part, _)| part);
    let parts = parts.chain(groups.iter().map(|rows| rows[0].group.as_str()));
    let links: String = parts.map(|part| format!("<a href=\"#{0}\">{0}</a>", escaped(part))).collect();
    let sections: String = groups.iter().map(|rows| group(rows, &styles)).collect();
    let date = escaped(&record.date);
    let (facts, targets, noise, absent) = (facts(record), targets(record), noise(record), absent(record));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>ringway-bench, {date}</title>\n<style>\n{STYLE}</style>\n<main>\n\
         <h1>ringway-bench</h1>\n\
         <p class=\"about\">Ringway beside other ways to pass messages between processes, and the machine's own \
         limits.</p>\n<nav>{links}</nav>\n{facts}{failures}{targets}{noise}{sections}{absent}</main>\n</html>\n"
    )
}

fn facts(record: &Record) -> String {
    let lines = phrases::facts(record).into_iter().map(|(name, facts)| {
        let facts: Vec<String> = facts.iter().map(|fact| escaped(fact)).collect();
        format!("<dt>{name}</dt><dd>{}</dd>\n", facts.join("<br>"))
    });
    let command = escaped(&record.command.join(" "));
    format!("<dl>\n{}<dt>command</dt><dd>{command}</dd>\n</dl>\n", lines.collect::<String>())
}

fn failures(record: &Record) -> String {
    let lines: Vec<String> = phrases::failures(record).iter().map(|line| escaped(line)).collect();
    if lines.is_empty() {
        return String::new();
    }
    format!(
        "<h2 id=\"failed\">failed</h2>\n<p class=\"about\">Rows of which a check failed: {} of {}.</p>\n\
         <article class=\"missed\">{}</article>\n",
        lines.len(),
        record.rows.len(),
        lines.join("<br>\n")
    )
}

fn targets(record: &Record) -> String {
    if record.targets.is_empty() {
        return String::new();
    }
    let rows = record.targets.iter().map(|target| {
        let [value, bound, verdict] = phrases::target(target).map(|cell| escaped(&phrases::signs(&cell)));
        let class = target.is_met.map_or("about", |is_met| if is_met { "met" } else { "missed" });
        let name = escaped(&target.name);
        format!(
            "<tr><td class=\"left\">{name}</td><td>{value}</td><td>{bound}</td>\
             <td class=\"left {class}\">{verdict}</td></tr>\n"
        )
    });
    let rows: String = rows.collect();
    format!(
        "<h2 id=\"targets\">targets</h2>\n<p class=\"about\">What Ringway is meant to reach.</p>\n\
         <article><div class=\"scroll\"><table class=\"wide\">\n<tr><th class=\"left\">what</th><th>value</th>\
         <th>bound</th><th class=\"left\">verdict</th></tr>\n{rows}</table></div></article>\n"
    )
}

fn noise(record: &Record) -> String {
    let lines = phrases::noise(record).into_iter().map(|line| format!("{}<br>\n", escaped(&line)));
    let lines: String = lines.collect();
    format!(
        "<h2 id=\"noise\">noise floor</h2>\n<p class=\"about\">How far rows differ that differ only by chance.</p>\n\
         <article>{lines}</article>\n"
    )
}

fn absent(record: &Record) -> String {
    if record.absent.is_empty() {
        return String::new();
    }
    let line = |name: &str, reason: &str| format!("<dt>{}</dt><dd>{}</dd>\n", escaped(name), escaped(reason));
    let lines: String = record.absent.iter().map(|absent| line(&absent.name, &absent.reason)).collect();
    format!("<h2 id=\"absent\">not measured</h2>\n<dl>\n{lines}</dl>\n")
}

/// The section of a group: what it costs by length where there are several, then case by case.
fn group(rows: &[Row], styles: &Styles<'_>) -> String {
    let name = &rows[0].group;
    let about = GROUPS.iter().find(|(group, _)| group == name).map_or("", |(_, about)| about);
    let sizes = charts::of_group(rows, styles).into_iter();
    let sizes: String = sizes
        .map(|(name, drawing)| format!("<article><h3>{}</h3>\n{drawing}\n</article>\n", escaped(&name)))
        .collect();
    let cases: String = summary::cases(rows).map(|rows| case(rows, styles)).collect();
    let (name, about) = (escaped(name), escaped(about));
    format!("<h2 id=\"{name}\">{name}</h2>\n<p class=\"about\">{about}</p>\n{sizes}{cases}")
}

fn case(rows: &[Row], styles: &Styles<'_>) -> String {
    let drawings: Vec<String> =
        charts::of_case(rows, styles).into_iter().map(|(_, drawing)| drawing.to_string()).collect();
    let (title, unit) = (escaped(&rows[0].case), summary::compared(rows).map_or("", Metric::name));
    let foot = escaped(&phrases::foot(rows).join("; "));
    format!(
        "<article><h3>{title} <span class=\"about\">{unit}</span></h3>\n{}\n\
         <details{}><summary>{} {}</summary>\n<div class=\"scroll\"><table>\n{}</table></div></details>\n\
         <p class=\"foot\">{foot}</p></article>\n",
        drawings.join("\n"),
        if drawings.is_empty() { " open" } else { "" },
        rows.len(),
        if rows.len() == 1 { "row" } else { "rows" },
        table_rows(rows)
    )
}

/// The table of a case: the columns of the terminal's, and the rows that failed.
fn table_rows(rows: &[Row]) -> String {
    let measured: Vec<&Row> = rows.iter().filter(|row| row.failed.is_none()).collect();
    let columns = table::columns(rows, &measured, phrases::usual_placement(rows));
    let side = |is_left: bool| if is_left { " class=\"left\"" } else { "" };
    let heads: String = columns
        .iter()
        .map(|column| format!("<th{}>{}</th>", side(column.is_left), escaped(column.head.trim())))
        .collect();
    let mut text = format!("<tr>{heads}</tr>\n");
    for (index, row) in measured.iter().enumerate() {
        let cells = columns.iter().map(|column| {
            let cell = escaped(&column.cells[index]).replace("  ", "&emsp;");
            format!("<td{}>{cell}</td>", side(column.is_left))
        });
        let own = if row.role == Role::Ringway { " class=\"own\"" } else { "" };
        text.push_str(&format!("<tr{own}>{}</tr>\n", cells.collect::<String>()));
    }
    for row in rows {
        let Some(reason) = &row.failed else { continue };
        let (system, reason) = (escaped(&row.system), escaped(reason));
        text.push_str(&format!(
            "<tr><td class=\"left\">{system}</td><td class=\"failed\" colspan=\"{}\">failed: {reason}</td></tr>\n",
            columns.len().max(2) - 1
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::{record, record_of};
    use crate::systems::AGAIN;

    #[test]
    fn a_page_has_every_row_and_needs_nothing_else() {
        let record = record();
        let page = page(&record);
        for row in &record.rows {
            let system = escaped(row.system.trim_end_matches(AGAIN));
            assert!(page.contains(&system) && page.contains(&row.case), "{system}");
        }
        assert!(page.contains("failed: message 5 came where 4 was due"));
        for outside in ["http://", "https://", "<script", "<link", "@import", "NaN", "inf,"] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    }

    #[test]
    fn a_page_of_nothing_is_a_page() {
        assert!(page(&record_of(Vec::new())).contains("</html>"));
    }
}
