"""Words that say how far a sentence is, by language: data."""

from __future__ import annotations

BACKCHANNELS: dict[str, str] = {
    "en": "ok okay kay yeah yep yup yes ya uh huh mm mmm hm hmm mhm mmhm aha ah oh right sure alright cool great fine"
    " got it i see good nice wow really true exactly gotcha",
    "es": "ok okay vale sí si ya ajá aja mm mmm hm hmm mhm claro bueno bien ah oh eh entiendo entendido perfecto"
    " exacto dale listo genial de acuerdo",
    "fr": "ok okay oui ouais mm mmm hm hmm mhm ah oh euh bon bien voilà d accord entendu exact exactement super"
    " très je vois",
    "de": "ok okay ja jaja jo mm mmm hm hmm mhm aha ach so ah oh genau gut klar stimmt richtig verstehe alles"
    " in ordnung super",
    "it": "ok okay sì si mm mmm hm hmm mhm ah oh eh già bene va certo esatto capito ho perfetto d accordo ecco giusto",
    "pt": "ok okay sim tá ta mm mmm hm hmm mhm aham ah oh é pois certo claro bom bem entendi entendo exato"
    " está perfeito isso beleza",
}
"""What a listener says to show that they listen. A text of nothing else is no interruption."""

ANSWERS: dict[str, str] = {
    "en": "yes no yeah yep yup nope nah ok okay sure right correct please thanks thank you maybe never hello hi bye",
    "es": "sí si no vale ok okay claro correcto exacto gracias por favor nunca quizás hola adiós",
    "fr": "oui non ouais ok okay d accord merci s il vous plaît exact jamais peut être bonjour allô",
    "de": "ja nein doch ok okay genau richtig danke bitte nie vielleicht hallo tschüss",
    "it": "sì si no ok okay certo esatto giusto grazie per favore mai forse pronto ciao",
    "pt": "sim não ok okay certo claro exato obrigado obrigada por favor nunca talvez olá alô tchau",
}
"""A text of nothing else is a complete answer, with or without a full stop."""

DANGLING: dict[str, str] = {
    "en": "and or but so because if although though than the a an my your our their um uh uhm er erm hmm",
    "es": "y e o u pero porque si aunque que el los las un una unos unas mi mis tu tus su sus eh em pues",
    "fr": "et ou mais donc car parce quand lorsque que qui dont le la les l un une des mon ma mes ton ta tes ses"
    " notre votre leur euh heu ben",
    "de": "und oder aber denn weil wenn als dass ob obwohl des ein eine einen einem einer mein meine meinen dein deine"
    " unser unsere äh ähm hm",
    "it": "e ed o ma perché se mentre che il lo gli l un uno una mio mia miei mie tuo tua nostro vostro ehm eh",
    "pt": "e ou mas porque se enquanto embora que os um uma uns umas meu minha meus minhas seu sua hã hum",
}
"""Conjunctions, articles, possessives, fillers: more follows, even where a speech to text puts a full stop."""

OPEN: dict[str, str] = {
    "en": "of to in on at for with from by about into over under between without until since before after during near"
    " when while that which who whose as his her its this these those i we he she they like is are was were am i'm it's"
    " that's can could would should will shall may might must do does did have has want need very really also",
    "es": "de del a al en con por para sin sobre entre desde hasta hacia durante ante bajo contra según la lo cuando"
    " mientras como cual quien este esta estos estas es son está están soy muy también quiero necesito tengo puedo",
    "fr": "de du d à au aux en dans avec pour par sans sur sous entre depuis vers chez pendant avant après contre si"
    " comme son sa ce cette ces je tu il elle nous vous ils elles est sont suis très aussi c'est veux voudrais j'ai"
    " peux",
    "de": "von vom zu zum zur in im an am auf mit für bei nach aus über unter zwischen ohne seit vor während durch um"
    " der die das den dem damit ihr ihre dieser diese dieses ich wir er sie also ist sind bin war sehr auch möchte will"
    " kann muss habe",
    "it": "di del della dei delle a al alla in nel nella con per da dal dalla su sul sulla tra fra senza verso durante"
    " la i le quando chi cui suo sua questo questa questi queste io noi lui lei è sono sei molto anche vorrei voglio"
    " posso ho",
    "pt": "de do da dos das a ao à em no na nos nas com por pelo pela para sem sobre entre desde até durante o as"
    " quando quem qual este esta esse essa eu nós ele ela é são está sou muito também quero preciso posso tenho",
}
"""Prepositions, pronouns, auxiliaries: more follows, unless a full stop says otherwise: "That is what it is for." """

LEADS: dict[str, tuple[str, ...]] = {
    "en": ("number is", "name is", "address is", "email is", "code is", "phone is", "it's the"),
    "es": ("número es", "nombre es", "dirección es", "correo es", "código es", "me llamo"),
    "fr": ("numéro est", "nom est", "adresse est", "code est", "m'appelle"),
    "de": ("nummer ist", "name ist", "adresse ist", "ich heiße", "lautet"),
    "it": ("numero è", "nome è", "indirizzo è", "codice è", "mi chiamo"),
    "pt": ("número é", "nome é", "endereço é", "código é", "me chamo"),
}
"""What leads up to a name or a number, which people pause before."""
