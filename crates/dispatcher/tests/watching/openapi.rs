//! The description of the routes: all of them, no others, and with examples that the types themselves read and write.

use std::collections::BTreeSet;

use proving::kind::Kind;
use proving::lease::{Cause, Usage};
use proving::payload::Payload;
use proving::statement::Statement;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use transport::ask;
use transport::message;

/// Where the routers are written: every route of them is a call of `route`.
const ROUTERS: [&str; 2] = [include_str!("../../src/jobs.rs"), include_str!("../../../transport/src/http/server.rs")];

const METHODS: [&str; 4] = ["get", "post", "put", "delete"];

fn document() -> Value {
    serde_json::from_str(include_str!("../../src/openapi.json")).unwrap()
}

#[test]
fn every_route_is_described_and_nothing_else_is() {
    let mut routes = BTreeSet::new();
    for line in ROUTERS.iter().flat_map(|source| source.lines()) {
        let Some(rest) = line.trim().strip_prefix(".route(\"") else { continue };
        let (path, makers) = rest.split_once('"').unwrap();
        for method in METHODS.iter().filter(|method| makers.contains(&format!("{method}("))) {
            routes.insert(format!("{method} {path}"));
        }
    }
    assert!(routes.len() > 20, "{routes:?}");
    let document = document();
    let described: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(move |method| format!("{method} {path}")))
        .collect();
    assert_eq!(described, routes);
}

#[test]
fn every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own() {
    fn walk(value: &Value, seen: &mut impl FnMut(&str, &Value)) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, field)| {
                seen(name, field);
                walk(field, seen);
            }),
            Value::Array(parts) => parts.iter().for_each(|part| walk(part, seen)),
            _ => {}
        }
    }
    let document = document();
    let (mut names, mut uses) = (BTreeSet::new(), BTreeSet::new());
    walk(&document, &mut |name, value| match name {
        "$ref" => {
            let path = value.as_str().unwrap();
            assert!(document.pointer(&path[1..]).is_some(), "{path}");
            uses.insert(path.to_owned());
        }
        "operationId" => assert!(names.insert(value.to_string()), "{value}"),
        _ => {}
    });
    for schema in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(uses.contains(&format!("#/components/schemas/{schema}")), "{schema} is of no use");
    }
}

/// The example of a schema is read and written as this type, and has no field that the schema does not name.
fn agrees<T: Serialize + DeserializeOwned>(document: &Value, name: &str) {
    let schema = &document["components"]["schemas"][name];
    let example = &schema["example"];
    let read: T = serde_json::from_value(example.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let written = serde_json::to_value(&read).unwrap();
    assert_eq!(&written, example, "{name}");
    if let (Some(fields), Some(known)) = (written.as_object(), schema["properties"].as_object()) {
        assert!(fields.keys().all(|field| known.contains_key(field)), "{name}: {written}");
        let required = schema["required"].as_array().unwrap();
        assert!(required.iter().all(|field| fields.contains_key(field.as_str().unwrap())), "{name}: {written}");
    }
}

#[test]
fn the_examples_are_what_the_types_read_and_write() {
    let document = document();
    let document = &document;
    agrees::<Kind>(document, "Kind");
    agrees::<Statement>(document, "Statement");
    agrees::<Cause>(document, "Cause");
    agrees::<Payload>(document, "Payload");
    agrees::<Usage>(document, "Usage");
    agrees::<ask::Input>(document, "Input");
    agrees::<ask::TaskRequest>(document, "TaskRequest");
    agrees::<ask::JobRequest>(document, "JobRequest");
    agrees::<ask::JobView>(document, "Job");
    agrees::<ask::TaskView>(document, "Task");
    agrees::<ask::Eta>(document, "Eta");
    agrees::<ask::ProgressView>(document, "Progress");
    agrees::<ask::FailureView>(document, "Failure");
    agrees::<ask::JobEvent>(document, "JobEvent");
    agrees::<ask::WorkerView>(document, "Worker");
    agrees::<ask::Drained>(document, "Drained");
    agrees::<message::Hello>(document, "Hello");
    agrees::<message::Held>(document, "Held");
    agrees::<message::Offering>(document, "Offering");
    agrees::<message::Offer>(document, "Offer");
    agrees::<message::Beat>(document, "Beat");
    agrees::<message::Done>(document, "Done");
    agrees::<message::Failed>(document, "Failed");
    agrees::<message::Answer>(document, "Answer");
    agrees::<message::Notice>(document, "Notice");
}

#[test]
fn the_words_of_the_description_are_all_that_the_types_have() {
    let document = document();
    let words = |name: &str| {
        let words = document["components"]["schemas"][name]["enum"].as_array().unwrap().clone();
        words.into_iter().map(|word| word.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(words("Cause"), Cause::ALL.map(|cause| cause.name().to_owned()));
    for word in words("TaskStanding") {
        serde_json::from_value::<ask::TaskStanding>(word.into()).unwrap();
    }
    for word in words("JobStanding") {
        serde_json::from_value::<ask::JobStanding>(word.into()).unwrap();
    }
}
