from ocppsec.cli import main

main()
