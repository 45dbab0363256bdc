#!/usr/bin/env node
// In a file of its own, and not the built command itself, because npm links a bin only if it is there at install.
import "../dist/cli/main.js";
