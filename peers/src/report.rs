//! The tables, in Markdown: medians of the rounds, the least and the most in brackets, and ratios to the first engine.

use crate::{
    measure::{Cell, Row},
    workload::Shape,
};

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn number(value: f64) -> String {
    match value {
        v if v < 10.0 => format!("{v:.2}"),
        v if v < 100.0 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

/// `(least to most)`.
fn range(values: &[f64]) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    format!("({} to {})", number(least), number(most))
}

/// `median (least to most)`.
fn spread(values: &[f64]) -> String {
    format!("{} {}", number(median(values)), range(values))
}

/// How many times what the first engine took in the same round.
fn ratios(values: &[f64], first: &[f64]) -> Vec<f64> {
    values.iter().zip(first).map(|(value, first)| value / first).collect()
}

type Column = fn(&Row) -> &Vec<f64>;

/// A table of one measure for one shape: engines down, numbers of policies across.
fn table(cells: &[&Cell], measure: Column) {
    print!("| engine |");
    for cell in cells {
        print!(" K = {} | ratio |", cell.policies);
    }
    println!("\n|---|{}", "---|---|".repeat(cells.len()));
    let mut names: Vec<&str> = Vec::new();
    for row in cells.iter().flat_map(|cell| &cell.rows) {
        if !names.contains(&row.name) {
            names.push(row.name);
        }
    }
    for name in names {
        print!("| {name} |");
        for cell in cells {
            let row = cell.rows.iter().find(|row| row.name == name);
            match (row, cell.rows.first()) {
                (Some(row), Some(first)) => {
                    let values = measure(row);
                    let ratios = ratios(values, measure(first));
                    print!(
                        " {} | **{}** {} |",
                        spread(values),
                        number(median(&ratios)),
                        range(&ratios)
                    );
                }
                _ => print!(" left out | |"),
            }
        }
        println!();
    }
    println!();
}

/// Prints everything.
pub(crate) fn print(cells: &[Cell], command: &str, requests: usize) {
    println!("    {command}\n");
    for shape in Shape::ALL {
        let cells: Vec<&Cell> = cells.iter().filter(|cell| cell.shape == shape).collect();
        println!("### {}\n", shape.title());
        println!("µs a decision, the request built before:\n");
        table(&cells, |row| &row.decide);
        println!("µs a decision with building the request from its plain values:\n");
        table(&cells, |row| &row.build_and_decide);
        println!("µs to load the set (parse and compile):\n");
        table(&cells, |row| &row.load);
        bytes(&cells);
    }
    answers(cells, requests);
}

fn bytes(cells: &[&Cell]) {
    let Some(cell) = cells.last() else { return };
    let Some(first) = cell.rows.first() else { return };
    println!(
        "| engine | KiB held, K = {} | ratio | to the {:.0} KiB of JSON |\n|---|---|---|---|",
        cell.policies,
        cell.text as f64 / 1024.0
    );
    for row in &cell.rows {
        let ratio = row.bytes as f64 / first.bytes as f64;
        let text = row.bytes as f64 / cell.text as f64;
        println!("| {} | {:.0} | **{ratio:.2}** | {text:.1} |", row.name, row.bytes as f64 / 1024.0);
    }
    println!();
}

/// How many answers were compared, and each that was not as it must be.
fn answers(cells: &[Cell], requests: usize) {
    println!("### Answers\n");
    println!(
        "Every request that is timed was answered before and its answer compared with the effect that it must have.\n"
    );
    let mut wrong = Vec::new();
    println!("| shape | K | engine | checked | otherwise |\n|---|---|---|---|---|");
    for cell in cells {
        let shape = cell.shape.title().split(' ').next().unwrap_or_default();
        for row in cell.rows.iter().filter(|row| row.checked < requests || row.wrong > 0) {
            let Row { name, checked, wrong, .. } = row;
            println!("| {shape} | {} | {name} | {checked} | {wrong} |", cell.policies);
        }
        wrong
            .extend(cell.rows.iter().filter_map(|row| Some((row.name, row.first_wrong.as_ref()?))));
        for reason in &cell.left_out {
            println!("| {shape} | {} | left out: {reason} | | |", cell.policies);
        }
    }
    println!("| all the others | | | {requests} | 0 |\n");
    for (name, question) in wrong {
        println!("- {name} answers otherwise, for instance: `{question:?}`");
    }
}
