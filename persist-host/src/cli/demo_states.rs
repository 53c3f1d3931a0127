//! The agent session that `persist demo` saves: an assistant plans a trip and calls tools on the way.

use serde_json::{Value, json};

/// One step: what happened, and the agent's whole state after it.
pub(crate) struct Step {
    pub(crate) description: &'static str,
    pub(crate) state: Vec<u8>,
}

/// The steps in order. Each state holds everything of the one before, as agents' states do.
pub(crate) fn steps() -> Vec<Step> {
    let mut messages = vec![json!({
        "role": "system",
        "content": "You plan trips. Use the tools for timetables, weather and bookings, keep to the traveller's budget, \
                    and ask before you book anything that cannot be cancelled.",
    })];
    let mut plan = json!({ "destination": "Lisbon", "nights": 0, "booked": [], "spent_eur": 0 });
    let mut steps = Vec::new();
    for (number, (description, new_messages, change)) in script().into_iter().enumerate() {
        messages.extend(new_messages);
        for (key, value) in change.as_object().into_iter().flatten() {
            plan[key] = value.clone();
        }
        let state = json!({
            "agent": "trip-planner",
            "step": number,
            "model": { "name": "planner-large", "temperature": 0.2 },
            "plan": plan,
            "messages": messages,
        });
        steps.push(Step { description, state: state.to_string().into_bytes() });
    }
    steps
}

fn script() -> [(&'static str, Vec<Value>, Value); 6] {
    [
        (
            "the traveller asks",
            vec![user(
                "Four days in Lisbon in May, by train if that is sensible, for at most 900 euros. I live in Lyon.",
            )],
            json!({ "budget_eur": 900, "from": "Lyon" }),
        ),
        (
            "looks up trains and flights",
            vec![
                call(
                    "call_1",
                    "search_connections",
                    &json!({ "from": "Lyon", "to": "Lisbon", "date": "2026-05-14" }),
                ),
                result(
                    "call_1",
                    &json!([
                        { "mode": "train", "changes": 3, "hours": 21.5, "eur": 268 },
                        { "mode": "flight", "changes": 0, "hours": 2.6, "eur": 149 },
                    ]),
                ),
                assistant(
                    "The train takes 21 and a half hours with three changes. The direct flight is the sensible choice.",
                ),
            ],
            json!({ "transport": "flight", "quoted_eur": 149 }),
        ),
        (
            "checks the weather",
            vec![
                call(
                    "call_2",
                    "weather_outlook",
                    &json!({ "place": "Lisbon", "from": "2026-05-14", "days": 4 }),
                ),
                result(
                    "call_2",
                    &json!({ "high_c": [23, 24, 22, 25], "low_c": [14, 15, 14, 15], "rain_probability": [0.1, 0.05, 0.3, 0.1] }),
                ),
                assistant("Mild and mostly dry; I keep the museum for the third day, which may bring rain."),
            ],
            json!({ "days": ["Alfama and the castle", "Sintra", "Tile museum", "Belém"] }),
        ),
        (
            "finds a place to stay",
            vec![
                call(
                    "call_3",
                    "search_hotels",
                    &json!({ "place": "Lisbon", "nights": 3, "max_eur_per_night": 130 }),
                ),
                result(
                    "call_3",
                    &json!([
                        { "name": "Pensão do Miradouro", "eur_per_night": 96, "rating": 8.9, "free_cancellation": true },
                        { "name": "Casa da Graça", "eur_per_night": 118, "rating": 9.2, "free_cancellation": false },
                    ]),
                ),
                assistant("The first can be cancelled for nothing, so I suggest it."),
            ],
            json!({ "nights": 3, "hotel": "Pensão do Miradouro" }),
        ),
        (
            "the traveller agrees",
            vec![user("Yes, both please, but a seat at the aisle.")],
            json!({ "preferences": { "seat": "aisle" } }),
        ),
        (
            "books both",
            vec![
                call("call_4", "book", &json!({ "kind": "flight", "seat": "aisle", "eur": 149 })),
                result("call_4", &json!({ "reference": "FL-7Q2M", "status": "confirmed" })),
                call(
                    "call_5",
                    "book",
                    &json!({ "kind": "hotel", "name": "Pensão do Miradouro", "nights": 3, "eur": 288 }),
                ),
                result("call_5", &json!({ "reference": "HT-0931", "status": "confirmed" })),
                assistant("Both are booked, for 437 euros together. 463 euros of your budget are left."),
            ],
            json!({ "booked": ["FL-7Q2M", "HT-0931"], "spent_eur": 437 }),
        ),
    ]
}

fn user(content: &str) -> Value {
    json!({ "role": "user", "content": content })
}

fn assistant(content: &str) -> Value {
    json!({ "role": "assistant", "content": content })
}

fn call(id: &str, tool: &str, arguments: &Value) -> Value {
    json!({ "role": "assistant", "tool_calls": [{ "id": id, "name": tool, "arguments": arguments }] })
}

fn result(id: &str, content: &Value) -> Value {
    json!({ "role": "tool", "tool_call_id": id, "content": content })
}
