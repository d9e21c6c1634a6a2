"""Which instruction sets each processor name has (written by `tools/make_cpu_table.py`).

One entry a group: the features, and the processors that have exactly these.
"""

from __future__ import annotations

GROUPS: dict[str, list[tuple[str, str]]] = {
    "x86_64": [
        (
            "sse4.1 sse4.2 popcnt lzcnt bmi2 f16c avx avx2 fma avxvnni",
            "alderlake arrowlake arrowlake-s arrowlake_s clearwaterforest gracemont "
            "grandridge lunarlake meteorlake pantherlake raptorlake sierraforest wildcatlake",
        ),
        (
            "popcnt lzcnt",
            "amdfam10 barcelona btver1",
        ),
        (
            "",
            "athlon-fx athlon64 athlon64-sse3 atom bonnell core2 core_2_duo_ssse3 generic k8 "
            "k8-sse3 nocona opteron opteron-sse3 x86-64",
        ),
        (
            "sse4.1 sse4.2 popcnt",
            "atom_sse4_2 atom_sse4_2_movbe core_aes_pclmulqdq core_i7_sse4_2 corei7 goldmont "
            "goldmont-plus goldmont_plus nehalem silvermont slm tremont westmere x86-64-v2",
        ),
        (
            "sse4.1 sse4.2 popcnt lzcnt avx",
            "bdver1",
        ),
        (
            "sse4.1 sse4.2 popcnt lzcnt f16c avx",
            "bdver2 bdver3 btver2",
        ),
        (
            "sse4.1 sse4.2 popcnt lzcnt bmi2 f16c avx avx2",
            "bdver4",
        ),
        (
            "sse4.1 sse4.2 popcnt lzcnt bmi2 f16c avx avx2 fma",
            "broadwell core-avx2 core_4th_gen_avx core_4th_gen_avx_tsx core_5th_gen_avx "
            "core_5th_gen_avx_tsx haswell skylake x86-64-v3 znver1 znver2 znver3",
        ),
        (
            "sse4.1 sse4.2 popcnt lzcnt bmi2 f16c avx avx2 fma avx512f avx512bw avx512dq "
            "avx512vl avx512vbmi",
            "cannonlake",
        ),
        (
            "sse4.1 sse4.2 popcnt lzcnt bmi2 f16c avx avx2 fma avx512f avx512bw avx512dq "
            "avx512vl avx512vnni",
            "cascadelake",
        ),
        (
            "sse4.1 sse4.2 popcnt lzcnt bmi2 f16c avx avx2 fma avx512f avx512bw avx512dq "
            "avx512vl avx512vnni avx512bf16",
            "cooperlake",
        ),
        (
            "sse4.1 sse4.2 popcnt f16c avx",
            "core-avx-i core_3rd_gen_avx ivybridge",
        ),
        (
            "sse4.1",
            "core_2_duo_sse4_1 penryn",
        ),
        (
            "sse4.1 sse4.2 popcnt avx",
            "core_2nd_gen_avx corei7-avx sandybridge",
        ),
        (
            "sse4.1 sse4.2 popcnt lzcnt bmi2 f16c avx avx2 fma avxvnni avx512f avx512bw "
            "avx512dq avx512vl avx512vnni avx512vbmi avx512bf16 avx512fp16 amx-tile amx-bf16 "
            "amx-int8",
            "diamondrapids emeraldrapids graniterapids graniterapids-d graniterapids_d "
            "sapphirerapids",
        ),
        (
            "sse4.1 sse4.2 popcnt lzcnt bmi2 f16c avx avx2 fma avx512f avx512bw avx512dq "
            "avx512vl avx512vnni avx512vbmi",
            "icelake-client icelake-server icelake_client icelake_server rocketlake tigerlake",
        ),
        (
            "sse4.1 sse4.2 popcnt lzcnt bmi2 f16c avx avx2 fma avx512f",
            "knl knm mic_avx512",
        ),
        (
            "sse4.1 sse4.2 popcnt lzcnt bmi2 f16c avx avx2 fma avxvnni avx512f avx512bw "
            "avx512dq avx512vl avx512vnni avx512vbmi avx512bf16 avx512fp16",
            "novalake",
        ),
        (
            "sse4.1 sse4.2 popcnt lzcnt bmi2 f16c avx avx2 fma avx512f avx512bw avx512dq avx512vl",
            "skx skylake-avx512 skylake_avx512 x86-64-v4",
        ),
        (
            "sse4.1 sse4.2 popcnt lzcnt bmi2 f16c avx avx2 fma avx512f avx512bw avx512dq "
            "avx512vl avx512vnni avx512vbmi avx512bf16",
            "znver4",
        ),
        (
            "sse4.1 sse4.2 popcnt lzcnt bmi2 f16c avx avx2 fma avxvnni avx512f avx512bw "
            "avx512dq avx512vl avx512vnni avx512vbmi avx512bf16",
            "znver5",
        ),
    ],
    "aarch64": [
        (
            "neon fullfp16 lse sve",
            "a64fx",
        ),
        (
            "neon fullfp16 lse dotprod bf16 i8mm",
            "ampere1 ampere1a ampere1b apple-a15 apple-a16 apple-a17 apple-a18 apple-a19 "
            "apple-m2 apple-m3 apple-m4 apple-m5 apple-s10 apple-s9 oryon-1",
        ),
        (
            "neon fullfp16 lse dotprod bf16 i8mm sve sve2",
            "ampere1c c1-nano c1-premium c1-pro c1-ultra cobalt-100 cortex-a320 cortex-a510 "
            "cortex-a520 cortex-a520ae cortex-a710 cortex-a715 cortex-a720 cortex-a720ae "
            "cortex-a725 cortex-x2 cortex-x3 cortex-x4 cortex-x925 fujitsu-monaka gb10 grace "
            "neoverse-n2 neoverse-n3 neoverse-v2 neoverse-v3 neoverse-v3ae olympus",
        ),
        (
            "neon",
            "apple-a10 apple-a7 apple-a8 apple-a9 cortex-a34 cortex-a35 cortex-a53 cortex-a57 "
            "cortex-a72 cortex-a73 cyclone exynos-m3 falkor generic kryo thunderx thunderxt81 "
            "thunderxt83 thunderxt88",
        ),
        (
            "neon fullfp16 lse",
            "apple-a11 apple-a12 apple-s4 apple-s5 carmel",
        ),
        (
            "neon fullfp16 lse dotprod",
            "apple-a13 apple-a14 apple-m1 apple-s6 apple-s7 apple-s8 cortex-a55 cortex-a65 "
            "cortex-a65ae cortex-a75 cortex-a76 cortex-a76ae cortex-a77 cortex-a78 "
            "cortex-a78ae cortex-a78c cortex-r82 cortex-r82ae cortex-x1 cortex-x1c exynos-m4 "
            "exynos-m5 neoverse-e1 neoverse-n1 tsv110",
        ),
        (
            "neon fullfp16 lse dotprod bf16 i8mm sve",
            "neoverse-512tvb neoverse-v1",
        ),
        (
            "neon lse dotprod",
            "saphira",
        ),
        (
            "neon lse",
            "thunderx2t99 thunderx3t110",
        ),
    ],
}
