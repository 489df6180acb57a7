"""Sentences for calibration and measurement, made from parts with a fixed seed: varied in subject, length and form."""

import random

SUBJECTS = (
    "the committee, my neighbour, a young engineer, the old lighthouse, our train, the museum in Lisbon, every student, "
    "the storm, a retired nurse, the central bank, this recipe, the striker, a grey heron, the new phone, nobody"
).split(", ")
VERBS = (
    "announced, forgot, repaired, described, could not find, was waiting for, photographed, sold, wrote about, blamed, "
    "celebrated, measured, dreamed of, translated, postponed"
).split(", ")
OBJECTS = (
    "the annual report, a broken bicycle, three cups of coffee, the quarterly results, an unexpected guest, the last "
    "chapter, a jar of honey, quantum computers, the 1998 final, the vaccine trial, a second opinion, the harbour, "
    "two concert tickets, its own reflection, the missing invoice"
).split(", ")
TAILS = (
    "|yesterday evening|because it was raining|without saying a word|for the first time in ten years|at 7:45 a.m.|"
    "in front of the whole class|, which surprised everyone|before the shops closed|while the children slept|"
    "and then walked home along the river|despite a fever of 39 degrees|to the delight of the crowd"
).split("|")
FRAMES = (
    "{}.",
    "{}!",
    "Did you hear that {}?",
    "According to the newspaper, {}.",
    "I doubt that {}.",
    "{}; nothing else mattered.",
)


def sentences(count, seed):
    rng = random.Random(seed)
    result = []
    while len(result) < count:
        clause = f"{rng.choice(SUBJECTS)} {rng.choice(VERBS)} {rng.choice(OBJECTS)} {rng.choice(TAILS)}".strip()
        text = rng.choice(FRAMES).format(clause.replace(" ,", ","))
        if rng.random() < 0.2:
            text += f" Then {rng.choice(SUBJECTS)} {rng.choice(VERBS)} {rng.choice(OBJECTS)}."
        text = text[0].upper() + text[1:]
        if text not in result:
            result.append(text)
    return result
