//! One cell of the tables: a shape and a number of policies, every engine checked, then timed in turns.

use std::time::{Duration, Instant};

use crate::{
    engine::{self, Runner},
    workload::{Question, Shape},
};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Distinct requests.
    pub(crate) requests: usize,
    /// Rounds in which every engine has its turn.
    pub(crate) rounds: usize,
    /// The most time that an engine may take for a turn: a slow one is given another part of the requests in each round.
    pub(crate) turn: Duration,
    /// Where the requests come from.
    pub(crate) seed: u64,
}

/// What was found of one engine.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Requests whose answer was checked: those that are timed.
    pub(crate) checked: usize,
    /// Requests that were answered otherwise than they must be, with the first of them.
    pub(crate) wrong: usize,
    pub(crate) first_wrong: Option<Question>,
    /// Microseconds a decision, a value a round: the decision alone.
    pub(crate) decide: Vec<f64>,
    /// The same with the building of the request.
    pub(crate) build_and_decide: Vec<f64>,
    /// Microseconds to load the set, a value a round.
    pub(crate) load: Vec<f64>,
    /// Bytes that the set holds.
    pub(crate) bytes: isize,
}

/// What was found of all of them.
pub(crate) struct Cell {
    pub(crate) shape: Shape,
    pub(crate) policies: usize,
    /// The size of their documents, bytes of JSON.
    pub(crate) text: usize,
    pub(crate) rows: Vec<Row>,
    /// Engines that could not load the set, with the reason.
    pub(crate) left_out: Vec<String>,
}

/// Measures the first engine and those whose name holds one of the texts in `only`, which commas part, on `count` policies.
pub(crate) fn cell(shape: Shape, count: usize, plan: Plan, only: &str) -> Cell {
    let policies = shape.policies(count);
    let questions = shape.questions(count, plan.requests, plan.seed);
    let text = policies.iter().map(|policy| policy.text().len()).sum();
    let (mut turns, mut rows, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for load in engine::ALL {
        match load(&policies) {
            Ok(runner)
                if !turns.is_empty()
                    && !only.split(',').any(|text| runner.name().contains(text)) => {}
            Ok(mut runner) => {
                let row = checked(&mut *runner, &questions, plan);
                runner.prepare(&questions[..row.checked]);
                rows.push(row);
                turns.push(runner);
            }
            Err(reason) => left_out.push(reason),
        }
    }
    for round in 0..plan.rounds {
        for place in 0..turns.len() {
            let number = (place + round) % turns.len();
            turn(&mut *turns[number], &mut rows[number], &questions, round, plan);
        }
    }
    Cell { shape, policies: count, text, rows, left_out }
}

/// Asks the requests in their order until all are answered or the time for all turns is used up.
fn checked(runner: &mut dyn Runner, questions: &[Question], plan: Plan) -> Row {
    let (start, budget) = (Instant::now(), plan.turn * rounds(plan));
    let (mut checked, mut wrong, mut first_wrong) = (0, 0, None);
    for question in questions {
        if checked >= plan.rounds && start.elapsed() > budget {
            break;
        }
        checked += 1;
        if runner.answer(question) != question.allowed {
            wrong += 1;
            first_wrong.get_or_insert_with(|| question.clone());
        }
    }
    Row {
        name: runner.name(),
        checked,
        wrong,
        first_wrong,
        decide: Vec::new(),
        build_and_decide: Vec::new(),
        load: Vec::new(),
        bytes: runner.bytes(),
    }
}

fn rounds(plan: Plan) -> u32 {
    u32::try_from(plan.rounds).unwrap_or(u32::MAX)
}

fn turn(runner: &mut dyn Runner, row: &mut Row, questions: &[Question], round: usize, plan: Plan) {
    let which = if row.checked == questions.len() {
        0..row.checked
    } else {
        let part = row.checked / plan.rounds;
        round * part..(round + 1) * part
    };
    let each = |time: Duration, count: usize| time.as_secs_f64() * 1e6 / count as f64;
    row.decide.push(each(runner.decide(which.clone()), which.len()));
    let count = which.len();
    row.build_and_decide.push(each(runner.build_and_decide(&questions[which]), count));
    // Loading is short: at least three times, and until the clock's own error is nothing beside it.
    let (mut time, mut loads) = (Duration::ZERO, 0);
    while loads < 3 || time < Duration::from_millis(20) {
        time += runner.load();
        loads += 1;
    }
    row.load.push(each(time, loads));
}
