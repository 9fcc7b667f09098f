"""What docker-compose.yml means, for tests/packaging/docker.sh: `docker-compose config | compose.py WHAT`.

Python, because Debian's docker-compose brings it, with the YAML that nothing else here can read.
"""

import sys

import yaml

config = yaml.safe_load(sys.stdin)
services = config["services"]
portagent = services["portagent"]
what = sys.argv[1]

if what == "published":
    print(" ".join(name for name, service in services.items() if service.get("ports")))
elif what == "image":
    print(portagent["image"])
elif what == "limits":
    resources = portagent["deploy"]["resources"]
    print(*(resources[kind][of] for kind in ("limits", "reservations") for of in ("cpus", "memory")))
elif what == "networks":
    for name, service in services.items():
        print(name, *sorted(service["networks"]))
elif what == "trusted":
    print(portagent["environment"]["TRUSTED_PROXIES"])
elif what == "subnet":
    print(*(network["subnet"] for network in config["networks"]["internal"]["ipam"]["config"]))
elif what == "options":
    # As options of `docker run`, a line each; the named volume is the directory given.
    for name, value in portagent["environment"].items():
        print(f"-e\n{name}={value}")
    for volume in portagent["volumes"]:
        print(f"-v\n{volume.replace('portagent:', sys.argv[2] + ':', 1).removesuffix(':rw')}")
    if portagent.get("read_only"):
        print("--read-only")
    for capability in portagent["cap_drop"]:
        print(f"--cap-drop\n{capability}")
    for option in portagent["security_opt"]:
        print(f"--security-opt\n{option}")
else:
    sys.exit(f"unknown: {what}")
