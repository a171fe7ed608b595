#include "demo/language.h"

#include <algorithm>

namespace clipdex::demo {
namespace {

const Language kEnglish = {
    .locale = "en",
    .two = {"{a} and {b}", "{a} and {b}", "{a}, {b}", "{a} with {b}", "{a} next to {b}", "{a} {b}"},
    .three = {"{a}, {b} and {c}", "{a}, {b} and {c}", "{a}, {b}, {c}"},
    .left_right = {"{a} left of {b}", "{a} to the left of {b}", "{b} to the right of {a}", "{b} right of {a}",
                   "{a} on the left and {b} on the right", "{a} on the left, {b} on the right"},
    .above_below = {"{a} above {b}", "{b} below {a}", "{b} under {a}", "{a} at the top and {b} at the bottom", "{a} on top, {b} below"},
    .counts = {"two {a}", "three {a}", "four {a}"},
    .big = "big {a}",
    .small = "small {a}",
    .background = {"{a} on a {color} background", "{a} on a {color} background", "{a} on {color}", "{a}, {color} background"},
    .colors = {"red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "gray"},
    .keyword = "{a}, {b}",
};

const Language kChinese = {
    .locale = "zh",
    .two = {"{a}和{b}", "{a}和{b}", "{a}与{b}", "{a}、{b}", "{a} {b}"},
    .three = {"{a}、{b}和{c}", "{a}、{b}和{c}", "{a}，{b}，{c}"},
    .left_right = {"{a}在{b}左边", "{b}在{a}右边", "左边是{a}，右边是{b}", "{b}的左边是{a}", "左{a}右{b}"},
    .above_below = {"{a}在{b}上面", "{b}在{a}下面", "上面是{a}，下面是{b}", "{b}的上面是{a}"},
    .counts = {"两个{a}", "三个{a}", "四个{a}"},
    .big = "大{a}",
    .small = "小{a}",
    .background = {"{color}背景上的{a}", "{color}背景的{a}", "{a}，{color}背景"},
    .colors = {"红色", "橙色", "黄色", "绿色", "蓝色", "紫色", "粉色", "棕色", "黑色", "白色", "灰色"},
    .keyword = "{a}，{b}",
};

const Language kGerman = {
    .locale = "de",
    .two = {"{a} und {b}", "{a} und {b}", "{a}, {b}", "{a} {b}"},
    .three = {"{a}, {b} und {c}", "{a}, {b}, {c}"},
    .left_right = {"links {a}, rechts {b}", "{a} links und {b} rechts", "rechts {b}, links {a}"},
    .above_below = {"oben {a}, unten {b}", "{a} oben und {b} unten", "unten {b}, oben {a}"},
    .counts = {"zweimal {a}", "dreimal {a}", "viermal {a}"},
    .background = {"{a} auf {color} Hintergrund"},
    .colors = {"rotem", "orangem", "gelbem", "grünem", "blauem", "violettem", "rosafarbenem", "braunem", "schwarzem", "weißem", "grauem"},
    .keyword = "{a}, {b}",
};

const Language kFrench = {
    .locale = "fr",
    .two = {"{a} et {b}", "{a} et {b}", "{a}, {b}", "{a} avec {b}", "{a} {b}"},
    .three = {"{a}, {b} et {c}", "{a}, {b}, {c}"},
    .left_right = {"à gauche {a}, à droite {b}", "{a} à gauche et {b} à droite", "{b} à droite et {a} à gauche"},
    .above_below = {"en haut {a}, en bas {b}", "{a} en haut et {b} en bas", "{b} en bas et {a} en haut"},
    .counts = {"deux fois {a}", "trois fois {a}", "quatre fois {a}"},
    .background = {"{a} sur fond {color}"},
    .colors = {"rouge", "orange", "jaune", "vert", "bleu", "violet", "rose", "marron", "noir", "blanc", "gris"},
    .keyword = "{a}, {b}",
};

const Language kSpanish = {
    .locale = "es",
    .two = {"{a} y {b}", "{a} y {b}", "{a}, {b}", "{a} con {b}", "{a} {b}"},
    .three = {"{a}, {b} y {c}", "{a}, {b}, {c}"},
    .left_right = {"{a} a la izquierda y {b} a la derecha", "a la izquierda {a}, a la derecha {b}"},
    .above_below = {"{a} arriba y {b} abajo", "arriba {a}, abajo {b}"},
    .counts = {"dos veces {a}", "tres veces {a}", "cuatro veces {a}"},
    .background = {"{a} sobre fondo {color}"},
    .colors = {"rojo", "naranja", "amarillo", "verde", "azul", "morado", "rosa", "marrón", "negro", "blanco", "gris"},
    .keyword = "{a}, {b}",
};

const Language kJapanese = {
    .locale = "ja",
    .two = {"{a}と{b}", "{a}と{b}", "{a}、{b}", "{a} {b}"},
    .three = {"{a}と{b}と{c}", "{a}、{b}、{c}"},
    .left_right = {"{b}の左に{a}", "{a}の右に{b}", "左に{a}、右に{b}"},
    .above_below = {"{b}の上に{a}", "{a}の下に{b}", "上に{a}、下に{b}"},
    .counts = {"{a} 2つ", "{a} 3つ", "{a} 4つ"},
    .big = "大きい{a}",
    .small = "小さい{a}",
    .background = {"{color}背景の{a}", "{a}、{color}背景"},
    .colors = {"赤い", "オレンジ色の", "黄色い", "緑の", "青い", "紫の", "ピンクの", "茶色の", "黒い", "白い", "灰色の"},
    .keyword = "{a}、{b}",
};

// CLDR has names for over a hundred more.
const Language kOther = {.two = {"{a}, {b}"}, .three = {"{a}, {b}, {c}"}, .counts = {"{a}", "{a}", "{a}"}, .keyword = "{a}, {b}"};

void replace_all(std::string& text, std::string_view mark, const std::string& with) {
  for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + with.size())) text.replace(at, mark.size(), with);
}

}  // namespace

const Language& language_of(std::string_view locale) {
  const auto language = locale.substr(0, std::min(locale.find('_'), locale.find('-')));
  // Traditional characters would need sentences of their own.
  if (locale.starts_with("zh_Hant") || locale.starts_with("zh-Hant")) return kOther;
  for (const auto* known : {&kEnglish, &kChinese, &kGerman, &kFrench, &kSpanish, &kJapanese}) {
    if (known->locale == language) return *known;
  }
  return kOther;
}

std::string fill(std::string_view text, const Filling& filling) {
  std::string filled(text);
  replace_all(filled, "{a}", filling.a);
  replace_all(filled, "{b}", filling.b);
  replace_all(filled, "{c}", filling.c);
  replace_all(filled, "{color}", filling.color);
  return filled;
}

}  // namespace clipdex::demo
