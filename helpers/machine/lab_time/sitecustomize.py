"""On the PYTHONPATH of a job, Python programs live at LAB_TIME, which is where the lab's clock
stands."""

import os
from datetime import datetime

if "LAB_TIME" in os.environ:
    import time_machine

    time_machine.travel(datetime.fromisoformat(os.environ["LAB_TIME"]), tick=True).start()
