/** The blocks of the README that are too much to be run with every change. */
import "../readme.test.ts";
