"""One audit as JSON, JUnit XML, SARIF 2.1.0 and a page.  Each is a pure function of a `Report`."""
